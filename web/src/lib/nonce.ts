/** The nonce that style elements need under the page's Content-Security-Policy; none in development. */
export function styleNonce(): string | undefined {
  const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content;
  return nonce === '' ? undefined : nonce;
}
