/**
 * Gives the focus back to what had it before a dialog, when the dialog leaves the page with the focus in it. Mantine
 * does so as soon as a dialog is closed; one that is closed in the frame in which it opens takes the focus only then.
 * Returns how to stop.
 */
export function returnFocus(): () => void {
  const before = new WeakMap<Element, Element>();
  let dialog: Element | null = null;
  const hear = ({ target, relatedTarget }: FocusEvent) => {
    dialog = (target as Element).closest('[role="dialog"]');
    if (dialog && relatedTarget instanceof Element && !before.has(dialog)) before.set(dialog, relatedTarget);
  };
  const gone = new MutationObserver(() => {
    if (!dialog || dialog.isConnected) return;
    const opener = before.get(dialog);
    dialog = null;
    if (document.activeElement === document.body && opener instanceof HTMLElement) opener.focus({ preventScroll: true });
  });
  document.addEventListener('focusin', hear);
  gone.observe(document.body, { childList: true, subtree: true });
  return () => {
    document.removeEventListener('focusin', hear);
    gone.disconnect();
  };
}
