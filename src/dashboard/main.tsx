import { render } from "preact";
import { App } from "./app.tsx";
import { now } from "./live/link.ts";
import { liveFeed } from "./live/live-feed.ts";
import { followAddress } from "./live/navigation.ts";
import { followTheme } from "./live/theme.ts";

followTheme();
followAddress();
setInterval(() => {
  now.value = Date.now();
}, 1000);
liveFeed.start();

const root = document.getElementById("app");
if (root !== null) render(<App />, root);
