// What was delivered, deferred and failed, each second. The same stands in a table for who cannot see the lines.

import { useEffect, useRef, useState } from "preact/hooks"
import UPlot from "uplot"
import "uplot/dist/uPlot.min.css"
import { count, moment, rate, short, time } from "../format"
import { isLost, now, points } from "../live/live"
import { type Columns, columns, minutes } from "../live/series"
import { isDark } from "../theme"

const SERIES = [
  { kind: "delivered", label: "Delivered" },
  { kind: "deferred", label: "Deferred" },
  { kind: "failed", label: "Failed" },
] as const
const RANGES = [1, 5, 10]
const HEIGHT = 224
/** So many points are few. */
const FEW = 90

export function Chart() {
  const [chosen, setRange] = useState<number | null>(null)
  const [isTable, setTable] = useState(false)
  const [hovered, setHovered] = useState<number | null>(null)
  const latest = points.value.at(-1)
  // Five minutes, once there are so many; an agent that has just begun would show a blank.
  const range = chosen ?? (points.value.length > FEW ? 5 : 1)
  // While nothing comes, the picture stands still.
  const end = latest && isLost.value ? Date.parse(latest.at) / 1_000 : Math.floor(now.value / 1_000)
  const data = columns(points.value, range * 60, end)
  const index = hovered !== null && data[0][hovered] !== undefined ? hovered : data[0].length - 1
  const at = data[0][index]
  const delivered = data[1].filter((value) => value !== null)
  const peak = Math.max(0, ...delivered)
  const mean = delivered.reduce((sum, value) => sum + value, 0) / Math.max(1, delivered.length)
  return (
    <figure class="chart">
      <figcaption>
        <h2 id="chart-title">Recipients each second</h2>
        <div class="tools">
          <fieldset class="switch">
            <legend class="unseen-label">Time shown</legend>
            {RANGES.map((minutes) => (
              <label key={minutes}>
                <input
                  type="radio"
                  name="range"
                  checked={range === minutes}
                  onChange={() => setRange(minutes)}
                />
                <span>{minutes} min</span>
              </label>
            ))}
          </fieldset>
          <button type="button" aria-pressed={isTable} onClick={() => setTable(!isTable)}>
            Table
          </button>
        </div>
      </figcaption>
      {isTable ? <MinuteTable /> : <Plot data={data} from={end - range * 60} to={end} onHover={setHovered} />}
      <div class="readout">
        <dl class="shares">
          {SERIES.map((series, place) => (
            <div key={series.kind}>
              <dt>
                <span class={`key is-${series.kind}`} />
                {series.label}
              </dt>
              <dd>{count(data[place + 1]?.[index] ?? 0)}</dd>
            </div>
          ))}
        </dl>
        <p>
          {at === undefined ? "Nothing yet" : `at ${time(new Date(at * 1_000))}`} · mean {rate(mean)}/s · peak{" "}
          {rate(peak)}/s
        </p>
      </div>
    </figure>
  )
}

interface PlotProps {
  data: Columns
  from: number
  to: number
  onHover: (index: number | null) => void
}

function Plot({ data, from, to, onHover }: PlotProps) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<UPlot | null>(null)
  const dark = isDark.value
  // biome-ignore lint/correctness/useExhaustiveDependencies: drawn anew in the colours of the theme; data follow below
  useEffect(() => {
    const element = place.current
    if (!element) return
    const drawn = new UPlot(options(element, onHover), data, element)
    plot.current = drawn
    const resize = new ResizeObserver(() => drawn.setSize({ width: element.clientWidth, height: HEIGHT }))
    resize.observe(element)
    return () => {
      resize.disconnect()
      drawn.destroy()
    }
  }, [dark])
  useEffect(() => {
    plot.current?.batch(() => {
      plot.current?.setData(data, false)
      plot.current?.setScale("x", { min: from, max: to })
    })
  }, [data, from, to])
  return <div class="plot" ref={place} role="img" aria-labelledby="chart-title" />
}

function options(element: HTMLElement, onHover: (index: number | null) => void): UPlot.Options {
  const style = getComputedStyle(element)
  const colour = (name: string) => {
    // A custom property as a colour that a canvas knows.
    const probe = element.appendChild(document.createElement("i"))
    probe.style.color = `var(${name})`
    const found = getComputedStyle(probe).color
    probe.remove()
    return found
  }
  const font = `12px ${style.fontFamily}`
  const axis = { stroke: colour("--ink-3"), font, ticks: { show: false } }
  const grid = { stroke: colour("--line"), width: 1 }
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    padding: [12, 24, 0, 0],
    cursor: {
      y: false,
      drag: { x: false, y: false },
      points: { size: 7 },
    },
    hooks: { setCursor: [(drawn) => onHover(drawn.cursor.idx ?? null)] },
    scales: {
      x: { time: true, auto: false },
      y: { range: (_plot, _low, high) => [0, Math.max(4, (high ?? 0) * 1.08)] },
    },
    axes: [
      {
        ...axis,
        grid: { show: false },
        size: 26,
        space: 80,
        values: (_plot, ticks) => ticks.map((tick) => time(new Date(tick * 1_000))),
      },
      {
        ...axis,
        grid,
        size: 44,
        space: 36,
        incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 1e6],
        values: (_plot, ticks) => ticks.map(short),
      },
    ],
    series: [
      {},
      ...SERIES.map(({ kind, label }) => ({
        label,
        stroke: colour(`--${kind}`),
        width: kind === "delivered" ? 1.75 : 1.5,
        points: { show: false },
        ...(kind === "delivered" ? { fill: colour("--delivered-faint") } : {}),
      })),
    ],
  }
}

function MinuteTable() {
  return (
    <div class="scroll is-short">
      <table>
        <caption class="unseen-label">What each minute brought</caption>
        <thead>
          <tr>
            <th scope="col">Minute</th>
            {SERIES.map((series) => (
              <th scope="col" class="is-number" key={series.kind}>
                {series.label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {minutes(points.value).map((minute) => (
            <tr key={minute.at.getTime()}>
              <th scope="row">{moment(minute.at)}</th>
              {SERIES.map((series) => (
                <td class="is-number" key={series.kind}>
                  {count(minute[series.kind])}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
