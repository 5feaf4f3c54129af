import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { now } from "../../live/link.ts";
import { formatAge, formatCount } from "../../model/format.ts";
import { previewPayload } from "../../model/payload.ts";
import type { TopicRow, TopicTree } from "../../model/topic-tree.ts";
import { Note } from "../../parts/basics.tsx";

const rowHeight = 28;
const rowsBeyond = 8;

interface TreeViewProps {
  readonly tree: TopicTree;
  readonly version: number;
  readonly search: string;
  readonly selected: string | null;
  readonly onSelect: (path: string) => void;
}

/** Only the rows in sight are in the document: a tree of twenty thousand topics costs what thirty do. */
export function TreeView(props: TreeViewProps): JSX.Element {
  const { tree, version, search, selected } = props;
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const [scroll, setScroll] = useState({ top: 0, height: 600 });
  const [focused, setFocused] = useState<string | null>(null);
  const box = useRef<HTMLDivElement>(null);
  // The tree changes in place; its version tells.
  const rows = useMemo(() => tree.rows(open, search), [tree, version, open, search]);
  // A tree with one root would show one line.
  const onlyRoot = rows.length === 1 && rows[0]?.isOpen === false ? rows[0].node.path : null;
  useEffect(() => {
    if (onlyRoot !== null) setOpen(new Set([onlyRoot]));
  }, [tree, onlyRoot !== null]);
  useEffect(() => {
    const height = box.current?.clientHeight;
    if (height) setScroll((old) => ({ ...old, height }));
  }, []);
  const setIsOpen = (path: string, isOpen: boolean): void => {
    const next = new Set(open);
    if (isOpen) next.add(path);
    else next.delete(path);
    setOpen(next);
  };
  const active = focused ?? selected ?? rows[0]?.node.path ?? null;
  const onKeyDown = (event: KeyboardEvent): void => {
    const step = stepOf(event.key, rows, active);
    if (step === null) return;
    event.preventDefault();
    if (step.isOpen !== undefined) setIsOpen(step.path, step.isOpen);
    if (step.isChosen) props.onSelect(step.path);
    setFocused(step.path);
    const index = rows.findIndex(({ node }) => node.path === step.path);
    bringIntoSight(box.current, index);
  };
  if (rows.length === 0) {
    return (
      <Note title="No topic matches">Search for a part of the topic, or clear the search.</Note>
    );
  }
  const first = Math.max(0, Math.floor(scroll.top / rowHeight) - rowsBeyond);
  const last = Math.min(
    rows.length,
    Math.ceil((scroll.top + scroll.height) / rowHeight) + rowsBeyond,
  );
  return (
    <div
      class="tree"
      role="tree"
      aria-label="Topics"
      tabIndex={0}
      ref={box}
      aria-activedescendant={active === null ? undefined : rowId(active)}
      onKeyDown={onKeyDown}
      onScroll={(event) => {
        const { scrollTop, clientHeight } = event.currentTarget;
        setScroll({ top: scrollTop, height: clientHeight });
      }}
    >
      <div class="tree-space" style={{ height: `${rows.length * rowHeight}px` }}>
        {rows.slice(first, last).map((row, i) => (
          <Row
            key={row.node.path}
            row={row}
            top={(first + i) * rowHeight}
            isSelected={row.node.path === selected}
            isActive={row.node.path === active}
            onToggle={() => setIsOpen(row.node.path, !row.isOpen)}
            onSelect={() => {
              setFocused(row.node.path);
              if (row.node.last === null) setIsOpen(row.node.path, !row.isOpen);
              else props.onSelect(row.node.path);
            }}
          />
        ))}
      </div>
    </div>
  );
}

function Row(props: {
  readonly row: TopicRow;
  readonly top: number;
  readonly isSelected: boolean;
  readonly isActive: boolean;
  readonly onToggle: () => void;
  readonly onSelect: () => void;
}): JSX.Element {
  const { node, depth, hasChildren, isOpen } = props.row;
  const beneath = node.topics - (node.last === null ? 0 : 1);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the keys are the tree's, which has the focus
    <div
      class={props.isActive ? "tree-row is-active" : "tree-row"}
      id={rowId(node.path)}
      role="treeitem"
      aria-level={depth + 1}
      aria-selected={props.isSelected}
      aria-expanded={hasChildren ? isOpen : undefined}
      tabIndex={-1}
      title={node.path}
      style={{ top: `${props.top}px` }}
      onClick={props.onSelect}
    >
      <span class="tree-name" style={{ "--depth": Math.min(depth, 12) }}>
        <span
          class="tree-toggle"
          aria-hidden="true"
          onClick={(event) => {
            event.stopPropagation();
            props.onToggle();
          }}
        >
          {hasChildren ? (isOpen ? "▾" : "▸") : ""}
        </span>
        <span class="cut">{node.level === "" ? "(empty level)" : node.level}</span>
      </span>
      <span class="cut mono quiet">
        {node.last === null ? "" : previewPayload(node.last.payload)}
      </span>
      <span class="tree-end">
        {hasChildren && !isOpen ? <span>{formatCount(beneath)}</span> : null}
        {node.isRetained ? <span class="badge">retained</span> : null}
        {node.last === null ? null : (
          <span class="only-wide">{formatAge(node.last.timeMs, now.value)}</span>
        )}
      </span>
    </div>
  );
}

interface TreeStep {
  readonly path: string;
  readonly isOpen?: boolean;
  readonly isChosen?: boolean;
}

/** What a key does in a tree (WAI-ARIA, tree view pattern). */
export function stepOf(
  key: string,
  rows: readonly TopicRow[],
  active: string | null,
): TreeStep | null {
  const index = rows.findIndex(({ node }) => node.path === active);
  const row = rows[index];
  const at = (i: number): TreeStep | null => {
    const target = rows[Math.min(rows.length - 1, Math.max(0, i))];
    return target === undefined ? null : { path: target.node.path };
  };
  switch (key) {
    case "ArrowDown":
      return at(index + 1);
    case "ArrowUp":
      return at(index - 1);
    case "Home":
      return at(0);
    case "End":
      return at(rows.length - 1);
    case "PageDown":
      return at(index + 15);
    case "PageUp":
      return at(index - 15);
    case "Enter":
    case " ":
      if (row === undefined) return null;
      return row.node.last === null
        ? { path: row.node.path, isOpen: !row.isOpen }
        : { path: row.node.path, isChosen: true };
    case "ArrowRight":
      if (row === undefined || !row.hasChildren) return null;
      return row.isOpen ? at(index + 1) : { path: row.node.path, isOpen: true };
    case "ArrowLeft": {
      if (row === undefined) return null;
      if (row.hasChildren && row.isOpen) return { path: row.node.path, isOpen: false };
      const above = rows.slice(0, index).findLastIndex(({ depth }) => depth < row.depth);
      return above < 0 ? null : at(above);
    }
    default:
      return null;
  }
}

function bringIntoSight(box: HTMLElement | null, index: number): void {
  if (box === null || index < 0) return;
  const top = index * rowHeight;
  if (top < box.scrollTop) box.scrollTop = top;
  else if (top + rowHeight > box.scrollTop + box.clientHeight) {
    box.scrollTop = top + rowHeight - box.clientHeight;
  }
}

function rowId(path: string): string {
  return `topic-${path}`;
}
