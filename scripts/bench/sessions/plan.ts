export interface Plan {
  readonly sessions: number;
  readonly subscriptionsPerSession: number;
  readonly messages: number;
  /** Sessions with the same subscriptions: as many get each message. */
  readonly sessionsPerMessage: number;
}

/** A production line for each group of sessions, with a cell for each of their subscriptions, all in one tree of topics. */
export function filtersOf(session: number, plan: Plan): string[] {
  const group = Math.floor(session / plan.sessionsPerMessage);
  return Array.from(
    { length: plan.subscriptionsPerSession },
    (_, cell) => `${cellOf(group, cell)}/+`,
  );
}

/** Messages go round all groups, and from cell to cell. */
export function topicOf(message: number, plan: Plan): string {
  const groups = groupsOf(plan);
  const cell = Math.floor(message / groups) % plan.subscriptionsPerSession;
  return `${cellOf(message % groups, cell)}/temperature`;
}

/** What the session is to get, in order of their numbers. */
export function messagesFor(session: number, plan: Plan): number[] {
  const groups = groupsOf(plan);
  const messages: number[] = [];
  const first = Math.floor(session / plan.sessionsPerMessage);
  for (let message = first; message < plan.messages; message += groups) messages.push(message);
  return messages;
}

function groupsOf({ sessions, sessionsPerMessage }: Plan): number {
  return Math.ceil(sessions / sessionsPerMessage);
}

const linesPerPlant = 100;

function cellOf(group: number, cell: number): string {
  const plant = Math.floor(group / linesPerPlant);
  return `plant/${plant}/line/${group % linesPerPlant}/cell/${cell}`;
}
