/** Milliseconds of reading a model's weights, and the bytes read. What is neither conversion nor upload is waiting for bytes. */
export interface LoadTimes {
  total: number
  convert: number
  upload: number
  bytes: number
}
