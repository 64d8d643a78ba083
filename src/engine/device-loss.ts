import { deviceLostError } from '../util/errors.ts'

/** Longest wait for the reason of a loss, in milliseconds. */
const PATIENCE = 1000

/** Resolves with a DeviceLostError when the device goes away, by whoever's doing. */
export const lossOf = (device: GPUDevice): Promise<Error> =>
  device.lost.then(({ message, reason }) =>
    deviceLostError(`The GPU device was lost (${message || reason || 'unknown reason'}); create the LLM again.`),
  )

/** What a failed readback is to be told as: reading is refused before the device says that it is lost. */
export async function readbackError(device: GPUDevice, thrown: unknown): Promise<unknown> {
  const loss = await Promise.race([lossOf(device), new Promise<undefined>((resolve) => setTimeout(resolve, PATIENCE))])
  return loss ?? thrown
}
