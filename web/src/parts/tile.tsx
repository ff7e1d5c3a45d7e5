/** One figure with what it means. */
export function Tile({ label, value, more, isFirst }: { label: string; value: string; more: string; isFirst?: boolean }) {
  return (
    <div className={isFirst ? "tile first" : "tile"}>
      <dt>{label}</dt>
      <dd>
        {value}
        <small>{more}</small>
      </dd>
    </div>
  );
}
