// Destinations by the age of what waits there.

import type { Site } from "../api/types"
import { count, duration, several } from "../format"
import { destinations } from "../live/live"
import { Foreign } from "../parts/foreign"
import { Empty } from "../parts/parts"
import { AsOf } from "../parts/time"
import { toQueue } from "../route"
import { plain } from "../text"

const SHOWN = 12

interface Column {
  name: string
  of: (site: Site) => number
}

const AGES: Column[] = [
  { name: "< 10 min", of: (site) => site.ages?.minutes ?? 0 },
  { name: "< 1 h", of: (site) => site.ages?.hour ?? 0 },
  { name: "< 1 d", of: (site) => site.ages?.day ?? 0 },
  { name: "Older", of: (site) => site.ages?.older ?? 0 },
]
const STATES: Column[] = [
  { name: "Ready", of: (site) => site.ready },
  { name: "Later", of: (site) => site.later },
]

export function Sites({ chosen }: { chosen: string | undefined }) {
  const sites = destinations.value?.sites.slice(0, SHOWN)
  if (!sites || sites.length === 0) return null
  const byAge = sites.every((site) => site.ages)
  const columns = byAge ? [...AGES] : [...STATES]
  const most = Math.max(1, ...sites.flatMap((site) => columns.map((column) => column.of(site))))
  return (
    <section aria-labelledby="queue-sites">
      <h2 id="queue-sites">
        Destinations by age
        <AsOf at={destinations.value?.at} />
      </h2>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by the keyboard */}
      <section class="scroll" tabIndex={0} aria-labelledby="queue-sites">
        <table class="matrix">
          <caption class="unseen-label">
            How many deliveries wait at each destination{byAge ? ", by the age of the message" : ""}
          </caption>
          <thead>
            <tr>
              <th scope="col">Destination</th>
              {columns.map((column) => (
                <th scope="col" class="is-number" key={column.name}>
                  {column.name}
                </th>
              ))}
              <th scope="col" class="is-number">
                Held
              </th>
              <th scope="col" class="is-number">
                Oldest ready
              </th>
            </tr>
          </thead>
          <tbody>
            {sites.map((site) => (
              <tr key={site.site} class={site.site === chosen ? "is-chosen" : ""}>
                <th scope="row">
                  <a
                    href={toQueue({ site: site.site })}
                    aria-current={site.site === chosen ? "true" : undefined}
                  >
                    <Foreign text={site.site} />
                  </a>
                </th>
                {columns.map((column) => (
                  <Heat key={column.name} number={column.of(site)} most={most} />
                ))}
                <td class="is-number">{site.held > 0 ? count(site.held) : <span class="faint">0</span>}</td>
                <td class="is-number">
                  {site.oldest_ready_seconds === null ? (
                    <span class="faint">–</span>
                  ) : (
                    duration(site.oldest_ready_seconds)
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {chosen && !sites.some((site) => site.site === chosen) && (
        <Empty>
          Nothing waits at {plain(chosen)} that is among the {several(SHOWN, "largest destination")}.
        </Empty>
      )}
    </section>
  )
}

/** A number on a ground that is the stronger the larger it is; small ones are seen too. */
function Heat({ number, most }: { number: number; most: number }) {
  const level = number === 0 ? 0 : 1 + Math.round((Math.log1p(number) / Math.log1p(most)) * 4)
  return (
    <td class={`is-number heat heat-${level}`}>
      {number === 0 ? <span class="faint">0</span> : count(number)}
    </td>
  )
}
