/** Which answers are older than what the live stream tells: each says how much had happened when the server began to look. */
export class Positions {
  private oldest: number | undefined;
  private stream: { begins: number; late: () => void } | undefined;

  /** Takes note of an answer. */
  answered(position: number) {
    this.oldest = Math.min(position, this.oldest ?? position);
    if (!this.stream || position >= this.stream.begins) return;
    const { late } = this.stream;
    // Whoever asks again is told what happened since, whatever other answers are still to come.
    this.stream = undefined;
    late();
  }

  /** Whether all answers so far know what happened before a stream begins; late is called if one that is yet to come does not. */
  knownAt(begins: number, late: () => void): boolean {
    const known = this.oldest !== undefined && this.oldest >= begins;
    this.stream = known ? { begins, late } : undefined;
    return known;
  }
}

/** Those of the answers to this page. */
export const positions = new Positions();
