import type { JSX } from "preact";
import { cluster, homeName, isAway, isWatchingOnly, link, nodeName, now } from "../live/link.ts";
import { liveFeed } from "../live/live-feed.ts";
import { place } from "../live/navigation.ts";
import { linkTo } from "../model/pages.ts";
import { originsOf } from "../model/reconnect.ts";
import { Chip } from "./basics.tsx";

/** Which node this page talks to, and whether it does. */
export function LinkChip(): JSX.Element {
  const { phase } = link.value;
  const name = nodeName.value ?? "node";
  if (phase === "live") {
    return (
      <Chip tone="ok" title={`This page talks to ${name} at ${link.value.base}`}>
        Live · {name}
      </Chip>
    );
  }
  if (link.value.lostAtMs === null) return <Chip tone="idle">Connecting</Chip>;
  return (
    <Chip tone="bad" title="No node answers this page">
      No link
    </Chip>
  );
}

/** Says plainly what is known when the page's own node does not answer. */
export function LinkBanner(): JSX.Element | null {
  const { phase, lostAtMs, home } = link.value;
  if (phase === "live") return isAway.value ? <AwayBanner /> : null;
  if (lostAtMs === null || now.value - lostAtMs < 700) return null;
  const seconds = Math.max(0, Math.round((now.value - lostAtMs) / 1000));
  const others = originsOf(cluster.value?.nodes ?? [], home).filter(
    ({ origin }) => origin !== home,
  );
  return (
    <div class="banner" role="status">
      <strong>No node answers.</strong>
      <span>
        {nodeName.value ?? "The node"} was lost {seconds} s ago; what is shown is from then. Trying
        again by itself.
      </span>
      <button type="button" class="button" onClick={() => liveFeed.retryNow()}>
        Try now
      </button>
      {others.map(({ name, origin }) => (
        <a key={name} class="button" href={origin + linkTo(place.value)}>
          Open on {name}
        </a>
      ))}
    </div>
  );
}

function AwayBanner(): JSX.Element {
  const { base, home } = link.value;
  const name = nodeName.value ?? base;
  return (
    <div class="banner" role="status">
      <span>
        <strong>{homeName.value ?? home}</strong>, which served this page, does not answer.{" "}
        {isWatchingOnly.value
          ? `${name} sends the live data, but lets this page neither search nor command.`
          : `This page talks to ${name} now.`}
      </span>
      <a class="button" href={base + linkTo(place.value)}>
        Open on {name}
      </a>
    </div>
  );
}
