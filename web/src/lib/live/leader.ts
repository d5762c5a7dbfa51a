/** What tabs tell each other. */
export type Message =
  | { kind: 'ask'; from: string }
  | { kind: 'lead'; from: string }
  | { kind: 'leave'; from: string }
  | { kind: 'news'; from: string; news: unknown };

export interface Channel {
  post: (message: Message) => void;
  listen: (listener: (message: Message) => void) => void;
  close: () => void;
}

const answerTime = 400;
const askEvery = 5000;

/**
 * One of the tabs that show the same environment leads: it holds the connection and passes on what
 * comes. The others ask now and then whether somebody does; when nobody answers, the one that asked
 * leads. Answers do not wait for timers, which browsers slow down in hidden tabs. Should two lead for
 * a moment, the one with the smaller name stays.
 */
export class Leadership {
  private leading = false;
  private deadline: ReturnType<typeof setTimeout> | undefined;
  private asking: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly me: string,
    private readonly channel: Channel,
    private readonly on: { lead: () => void; follow: () => void; asked: () => void; news: (news: unknown) => void },
  ) {
    channel.listen((message) => this.hear(message));
    this.ask();
    this.asking = setInterval(() => {
      if (!this.leading) this.ask();
    }, askEvery);
  }

  /** Passes something on to the other tabs. */
  tell(news: unknown) {
    this.channel.post({ kind: 'news', from: this.me, news });
  }

  close() {
    clearTimeout(this.deadline);
    clearInterval(this.asking);
    const led = this.leading;
    this.leading = false; // so that those who ask at once, because of the goodbye, are not told to stay calm
    if (led) this.channel.post({ kind: 'leave', from: this.me });
    this.channel.close();
  }

  private ask() {
    this.deadline ??= setTimeout(() => this.lead(), answerTime);
    this.channel.post({ kind: 'ask', from: this.me });
  }

  private lead() {
    this.deadline = undefined;
    this.leading = true;
    this.channel.post({ kind: 'lead', from: this.me });
    this.on.lead();
  }

  private hear(message: Message) {
    switch (message.kind) {
      case 'ask':
        if (this.leading) {
          this.channel.post({ kind: 'lead', from: this.me });
          this.on.asked();
        }
        break;
      case 'lead':
        if (this.leading && this.me < message.from) {
          this.channel.post({ kind: 'lead', from: this.me });
          break;
        }
        this.calm();
        if (this.leading) {
          this.leading = false;
          this.on.follow();
        }
        break;
      case 'leave':
        this.ask();
        break;
      case 'news':
        this.calm();
        this.on.news(message.news);
        break;
    }
  }

  /** Somebody leads, so this tab need not. */
  private calm() {
    clearTimeout(this.deadline);
    this.deadline = undefined;
  }
}
