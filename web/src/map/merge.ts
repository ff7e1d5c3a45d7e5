/** A pin as drawn: its box on the screen in pixels, and its rank (0 the chosen one, then other offers, then the rest). */
export type Spot = { id: string; left: number; top: number; right: number; bottom: number; rank: number };
export type Group = { lead: string; members: string[]; rank: number };
export const REST = 99;
const WIDE_MORE = 36;

type View = { left: number; top: number; right: number; bottom: number };

const overlap = (a: Spot, b: Spot) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

/**
 * Merges pins whose boxes overlap, best rank first: each joins the first one drawn that it would cover. Offers are always
 * drawn; of the rest only what is wholly in view.
 */
export function merge(spots: Spot[], view: View): Group[] {
  const drawn: { spot: Spot; group: Group }[] = [];
  for (const spot of spots.toSorted((a, b) => a.rank - b.rank)) {
    const inView = spot.left >= view.left && spot.top >= view.top && spot.right <= view.right && spot.bottom <= view.bottom;
    if (spot.rank === REST && !inView) continue;
    const near = drawn.find((other) => overlap(spot, other.spot));
    if (near) {
      if (near.group.members.length === 1 && near.spot.rank === REST) near.spot.right += WIDE_MORE;
      near.group.members.push(spot.id);
    } else drawn.push({ spot: { ...spot }, group: { lead: spot.id, members: [spot.id], rank: spot.rank } });
  }
  return drawn.map(({ group }) => group);
}
