/** SHA-256 as 64 hexadecimal digits. The bytes may change once this has been called. */
export async function sha256Hex(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** SHA-256 of a text's UTF-8. */
export const sha256OfText = (text: string): Promise<string> => sha256Hex(new TextEncoder().encode(text))
