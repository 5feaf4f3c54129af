import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { pages } from "../model/pages.ts";
import { Dialog } from "./dialog.tsx";

export const isHelpOpen = signal(false);

export function Help(): JSX.Element | null {
  if (!isHelpOpen.value) return null;
  const close = (): void => {
    isHelpOpen.value = false;
  };
  return (
    <Dialog title="Keyboard" onClose={close}>
      <dl class="keys">
        {pages.map(({ id, title }, index) => [
          <dt key={`${id}-key`}>
            <kbd>{index + 1}</kbd>
          </dt>,
          <dd key={id}>{title}</dd>,
        ])}
        <dt>
          <kbd>/</kbd>
        </dt>
        <dd>Search on this page</dd>
        <dt>
          <kbd>t</kbd>
        </dt>
        <dd>Colours: as the system, light, dark</dd>
        <dt>
          <kbd>Esc</kbd>
        </dt>
        <dd>Close what is selected</dd>
        <dt>
          <kbd>←</kbd> <kbd>↑</kbd> <kbd>↓</kbd> <kbd>→</kbd>
        </dt>
        <dd>Move the map, walk the topic tree</dd>
        <dt>
          <kbd>+</kbd> <kbd>-</kbd> <kbd>0</kbd>
        </dt>
        <dd>Zoom the map, show all of it</dd>
      </dl>
      <div class="dialog-actions">
        <button type="button" class="button button-primary" onClick={close}>
          Close
        </button>
      </div>
    </Dialog>
  );
}
