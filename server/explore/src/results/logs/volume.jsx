import { useMemo } from "preact/hooks";
import { plural, time } from "../../values.js";
import { LEVEL_NAMES, volume } from "./lines.js";

const SPANS = 80;

// How many lines there are over time, by level.
export function Volume({ lines, zone }) {
  const spans = useMemo(() => volume(lines, SPANS), [lines]);
  if (!spans.length) return null;
  const most = Math.max(...spans.map(({ total }) => total));
  const ends = [spans[0].from, spans.at(-1).to].map((each) => time(Math.round(each), zone).replace(/\.\d+$/, ""));
  return (
    <figure class="bins volume">
      <svg viewBox={`0 0 ${SPANS} 1`} preserveAspectRatio="none" role="img" aria-label={`Lines over time, at most ${most} in one of ${SPANS} equal spans`}>
        {spans.map(({ from, levels, total }, index) => {
          let reached = 0;
          return (
            <g key={index}>
              <title>{`${time(Math.round(from), zone)}: ${plural(total, "line")}`}</title>
              {LEVEL_NAMES.filter((level) => levels[level]).map((level) => {
                reached += levels[level];
                return <rect key={level} class={level} x={index + 0.08} width="0.84" y={1 - reached / most} height={levels[level] / most} />;
              })}
            </g>
          );
        })}
      </svg>
      <figcaption><span>{ends[0]}</span><span>{ends[1]}</span></figcaption>
    </figure>
  );
}
