import type { ComponentChildren, JSX } from "preact";
import { useId } from "preact/hooks";
import type { Tone } from "../model/cluster-facts.ts";
import { Mark } from "./icons.tsx";

export function Chip(props: {
  readonly tone: Tone;
  readonly children: ComponentChildren;
  readonly title?: string;
  readonly isPlain?: boolean;
}): JSX.Element {
  const { tone, children, title, isPlain = false } = props;
  return (
    <span class={`chip tone-${tone}${isPlain ? " plain-chip" : ""}`} title={title}>
      <Mark tone={tone} />
      <span class="cut">{children}</span>
    </span>
  );
}

export function Card(props: {
  readonly title: string;
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
}): JSX.Element {
  const id = useId();
  return (
    <section class="card" aria-labelledby={id}>
      <div class="card-head">
        <h2 id={id}>{props.title}</h2>
        {props.aside}
      </div>
      {props.children}
    </section>
  );
}

/** What stands where there is nothing, and what to do next. */
export function Note(props: {
  readonly title: string;
  readonly children?: ComponentChildren;
  readonly action?: ComponentChildren;
}): JSX.Element {
  return (
    <div class="note">
      <strong>{props.title}</strong>
      {props.children === undefined ? null : <div>{props.children}</div>}
      {props.action}
    </div>
  );
}

export function Loading({ what }: { readonly what: string }): JSX.Element {
  return (
    <div class="note" role="status">
      <span class="pulse">Loading {what}…</span>
    </div>
  );
}

export function Failed(props: {
  readonly what: string;
  readonly error: string;
  readonly retry: () => void;
}): JSX.Element {
  return (
    <div role="alert">
      <Note
        title={`Could not load ${props.what}`}
        action={
          <button type="button" class="button" onClick={props.retry}>
            Try again
          </button>
        }
      >
        {props.error}
      </Note>
    </div>
  );
}

/** How something that was asked for ended; read out when it appears. */
export function Outcome(props: {
  readonly tone: Tone;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <p class={`outcome tone-${props.tone}`} role="status">
      {props.children}
    </p>
  );
}

export function SearchField(props: {
  readonly label: string;
  readonly value: string;
  readonly placeholder?: string;
  readonly onInput: (value: string) => void;
  readonly onEnter?: () => void;
}): JSX.Element {
  return (
    <label class="search">
      <span class="visually-hidden">{props.label}</span>
      <input
        class="input"
        type="search"
        data-search
        autocomplete="off"
        spellcheck={false}
        placeholder={props.placeholder ?? props.label}
        value={props.value}
        onInput={(event) => props.onInput(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter") props.onEnter?.();
        }}
      />
    </label>
  );
}

export function Facts(props: {
  readonly rows: readonly (readonly [string, ComponentChildren])[];
}): JSX.Element {
  return (
    <dl class="facts">
      {props.rows.map(([name, value]) => [
        <dt key={`${name}-name`}>{name}</dt>,
        <dd key={`${name}-value`}>{value}</dd>,
      ])}
    </dl>
  );
}
