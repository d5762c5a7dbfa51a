import type { FollowerList } from '@/features/destinations/api/followers';
import type { LiveEvents } from '@/lib/live/events';

/** The list with one of its followers as it is now, in its place, or gone. */
export function withNews(list: FollowerList, { gone, ...follower }: LiveEvents['follower']): FollowerList {
  const items = gone
    ? list.items.filter((one) => one._id !== follower._id)
    : list.items.map((one) => (one._id === follower._id ? { ...one, ...follower } : one));
  return { ...list, items, totalCount: list.totalCount - (list.items.length - items.length) };
}
