import { type TransferHandler, transferHandlers } from 'comlink'

interface Thrown {
  readonly value: unknown
}
type Handler = TransferHandler<Thrown, { value?: object }>

/** Lets a thrown error's `code` cross to the page; comlink by itself carries name, message and stack. The page needs nothing for it. */
export function carryErrorCodes(): void {
  const plain = transferHandlers.get('throw') as Handler | undefined
  if (!plain) return
  const serialize: Handler['serialize'] = (thrown) => {
    const [serialized, transfer] = plain.serialize(thrown)
    const { value } = thrown
    if (!(value instanceof Error) || !('code' in value)) return [serialized, transfer]
    return [{ ...serialized, value: { ...serialized.value, code: value.code } }, transfer]
  }
  transferHandlers.set('throw', { ...plain, serialize })
}
