import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { link } from "../../live/link.ts";
import { place, select } from "../../live/navigation.ts";
import { formatCount, plural } from "../../model/format.ts";
import { filterProblem, topicsMax } from "../../model/topic-tree.ts";
import { Card, Loading, Note, SearchField } from "../../parts/basics.tsx";
import { PublishForm } from "./publish-form.tsx";
import { TopicPanel } from "./topic-panel.tsx";
import { followTopics, topicView } from "./topic-store.ts";
import { TreeView } from "./tree-view.tsx";

export function TopicsPage(): JSX.Element {
  const [filter, setFilter] = useState(topicView.value.filter);
  const [search, setSearch] = useState("");
  const [isPublishing, setIsPublishing] = useState(false);
  useEffect(() => followTopics(filter), [filter]);
  const view = topicView.value;
  const { selected } = place.value;
  return (
    <div class="page">
      <div class="toolbar">
        <SearchField label="Search topics" value={search} onInput={setSearch} />
        <FilterField filter={filter} onFilter={setFilter} />
        <button type="button" class="button" onClick={() => setIsPublishing(!isPublishing)}>
          {isPublishing ? "Hide the form" : "Publish…"}
        </button>
      </div>
      {isPublishing ? (
        <Card title="Publish a test message">
          <div class="card-body">
            <PublishForm topic={selected ?? ""} />
          </div>
        </Card>
      ) : null}
      <div class="split" data-open={selected !== null}>
        <Card title="Topics" aside={<Counts />}>
          {view.tree.topics === 0 ? (
            <Empty filter={filter} />
          ) : (
            <TreeView
              tree={view.tree}
              version={view.version}
              search={search}
              selected={selected}
              onSelect={(path) => select(path === selected ? null : path)}
            />
          )}
        </Card>
        {selected === null ? null : <TopicPanel key={selected} topic={selected} />}
      </div>
    </div>
  );
}

function Counts(): JSX.Element {
  const { tree, dropped, retainedLimit } = topicView.value;
  return (
    <span class="quiet small">
      {plural(tree.topics, "topic")}
      {dropped > 0 ? `, ${formatCount(dropped)} messages were too fast to show` : ""}
      {retainedLimit === null ? "" : `, only the first ${formatCount(retainedLimit)} retained`}
      {tree.refused > 0 ? `. More than ${formatCount(topicsMax)} topics: narrow the filter` : ""}
    </span>
  );
}

function Empty({ filter }: { readonly filter: string }): JSX.Element {
  const { error } = topicView.value;
  if (error !== null) return <Note title="The node refused this filter">{error}</Note>;
  if (link.value.phase !== "live") return <Loading what="topics" />;
  return (
    <Note title={filter === "#" ? "No message yet" : `No message on ${filter} yet`}>
      Topics appear as soon as something is published:{" "}
      <code>mosquitto_pub -t plant/line1/temperature -m 21.5 -r</code>
    </Note>
  );
}

/** Which topics the page subscribes to: on a busy broker, not all. */
function FilterField(props: {
  readonly filter: string;
  readonly onFilter: (filter: string) => void;
}): JSX.Element {
  const [text, setText] = useState(props.filter);
  const problem = filterProblem(text);
  const apply = (): void => {
    if (problem === null) props.onFilter(text);
  };
  return (
    <label class="check">
      <span class="quiet">Filter</span>
      <input
        class="input mono"
        size={14}
        value={text}
        spellcheck={false}
        autocapitalize="off"
        aria-invalid={problem !== null}
        title={problem ?? "MQTT topic filter; Enter applies it"}
        onInput={(event) => setText(event.currentTarget.value)}
        onBlur={apply}
        onKeyDown={(event) => {
          if (event.key === "Enter") apply();
        }}
      />
    </label>
  );
}
