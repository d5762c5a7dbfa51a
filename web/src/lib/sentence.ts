/** A message of the server as a sentence: with a capital and a full stop. */
export function sentence(message: string): string {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** What went wrong, as a sentence. */
export function failureSentence(failure: unknown): string {
  return sentence(failure instanceof Error ? failure.message : String(failure));
}
