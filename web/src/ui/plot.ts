import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

interface Series {
  label: string;
  kind: 'bars' | 'line';
  color: string;
}

/** Draws a plot into `target` and keeps it as wide as that is; returns what takes it away. */
export function plot(
  target: HTMLElement,
  data: uPlot.AlignedData,
  series: Series[],
  show: (value: number | null | undefined) => string,
  height: number,
): () => void {
  const style = getComputedStyle(document.documentElement);
  const token = (name: string): string => style.getPropertyValue(name).trim();
  const faint = token('--faint');
  const line = token('--line');
  const bars = series.filter((one) => one.kind === 'bars').length;
  let nth = 0;
  const axis = { stroke: faint, font: '11px system-ui, sans-serif', ticks: { show: false } };
  const drawn = new uPlot(
    {
      width: Math.max(120, target.clientWidth),
      height,
      cursor: { y: false, points: { size: 7 } },
      legend: { show: false },
      padding: [8, 6, 0, 0],
      // Half a day on both sides, so that the bars of the first and the last day are whole.
      scales: { x: { time: true, range: (_plot, low, high) => [low - 50_000, high + 50_000] }, y: { range: (_plot, _low, high) => [0, Math.max(high ?? 1, 1) * 1.12] } },
      axes: [
        { ...axis, grid: { show: false }, size: 26, space: 70, incrs: [86_400, 2 * 86_400, 7 * 86_400, 14 * 86_400, 30 * 86_400, 61 * 86_400, 122 * 86_400], values: '{MMM} {D}' },
        {
          ...axis,
          grid: { stroke: line, width: 1 },
          size: 62,
          space: 36,
          values: (_plot, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? show(tick) : '')),
        },
      ],
      series: [
        {},
        ...series.map((one): uPlot.Series => {
          const color = token(one.color);
          if (one.kind === 'line') {
            return { label: one.label, stroke: color, width: 2, fill: `${color}1f`, points: { show: data[0].length < 3, size: 6 } };
          }
          const align = bars === 1 ? 0 : nth++ === 0 ? -1 : 1;
          return {
            label: one.label,
            fill: color,
            stroke: color,
            width: 0,
            points: { show: false },
            paths: uPlot.paths.bars?.({ size: [bars === 1 ? 0.6 : 0.36, 22], align: align as -1 | 0 | 1, radius: 0.2 }),
          };
        }),
      ],
    },
    data,
    target,
  );
  const watch = new ResizeObserver(() => drawn.setSize({ width: Math.max(120, target.clientWidth), height }));
  watch.observe(target);
  return () => {
    watch.disconnect();
    drawn.destroy();
  };
}
