import type { ComponentChildren, JSX } from "preact";
import { cluster, nodeName } from "../live/link.ts";
import { goTo, place } from "../live/navigation.ts";
import { nextTheme, theme } from "../live/theme.ts";
import { quorumVerdict } from "../model/cluster-facts.ts";
import { linkTo, type PageId, pages } from "../model/pages.ts";
import { Chip } from "./basics.tsx";
import { isHelpOpen } from "./help.tsx";
import { Icon, Logo } from "./icons.tsx";
import { LinkBanner, LinkChip } from "./link-chip.tsx";

export function Shell({ children }: { readonly children: ComponentChildren }): JSX.Element {
  return (
    <div class="shell">
      <a class="skip" href="#content">
        Skip to the content
      </a>
      <Navigation />
      <div class="frame">
        <Header />
        <LinkBanner />
        <main id="content" tabIndex={-1}>
          {children}
        </main>
      </div>
    </div>
  );
}

function Navigation(): JSX.Element {
  const own = cluster.value?.nodes.find(({ name }) => name === nodeName.value);
  return (
    <nav class="nav" aria-label="Pages">
      <div class="brand">
        <Logo />
        FlockMQ
      </div>
      <ul class="nav-list">
        {pages.map(({ id, title }, index) => (
          <li key={id}>
            <PageLink id={id} title={title} keyNumber={index + 1} />
          </li>
        ))}
      </ul>
      <div class="nav-foot">
        <span class="cut" title={cluster.value?.clusterId}>
          Cluster {cluster.value?.clusterId.slice(0, 8) ?? "–"}
        </span>
        <span>{own === undefined ? "" : `Version ${own.version}`}</span>
        <a href="/swagger-ui.html">API</a>
      </div>
    </nav>
  );
}

function PageLink(props: {
  readonly id: PageId;
  readonly title: string;
  readonly keyNumber: number;
}): JSX.Element {
  const target = { page: props.id, selected: null };
  return (
    <a
      class="nav-link"
      href={linkTo(target)}
      aria-current={place.value.page === props.id ? "page" : undefined}
      onClick={(event) => {
        if (event.metaKey || event.ctrlKey || event.shiftKey) return;
        event.preventDefault();
        goTo(target);
      }}
    >
      <Icon name={props.id} />
      {props.title}
      <span class="nav-key" aria-hidden="true">
        {props.keyNumber}
      </span>
    </a>
  );
}

function Header(): JSX.Element {
  const title = pages.find(({ id }) => id === place.value.page)?.title ?? "";
  const verdict = cluster.value === null ? null : quorumVerdict(cluster.value);
  return (
    <header class="header">
      <h1 tabIndex={-1}>{title}</h1>
      {verdict === null ? null : (
        <Chip tone={verdict.tone} title={verdict.detail}>
          {verdict.title}
        </Chip>
      )}
      <LinkChip />
      <button
        type="button"
        class="button button-icon"
        aria-label={`Colours: ${theme.value}. Change`}
        title={`Colours: ${theme.value} (t)`}
        onClick={nextTheme}
      >
        <Icon name="theme" />
      </button>
      <button
        type="button"
        class="button button-icon only-wide"
        aria-label="Keyboard shortcuts"
        title="Keyboard shortcuts (?)"
        onClick={() => {
          isHelpOpen.value = true;
        }}
      >
        ?
      </button>
    </header>
  );
}
