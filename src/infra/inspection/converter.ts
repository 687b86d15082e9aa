import type { ActorRefLike, AnyActor, AnyActorRef, InspectionEvent } from 'xstate';
import { WIRE_VERSION } from '../../contracts/inspection.ts';
import type {
  WireActor,
  WireEventBody,
  WireMessage,
  WireSnapshot,
  WireSnapshotState,
} from '../../contracts/inspection.ts';

/** What of an actor may be shown. Neither may change anything; one that throws leaves the message out. */
export interface Disclosure {
  context(context: unknown): unknown;
  event(event: WireEventBody): WireEventBody;
}

export interface ConverterOptions {
  /** Makes session ids unique in a cluster. */
  readonly nodeId: string;
  readonly disclosure: Disclosure;
  /** Of one message as JSON. A larger one loses its context or the body of its event. */
  readonly bytesMax: number;
  /** Whom an actor is shown below; none: it is shown as a root. */
  readonly parentOf: (actor: AnyActorRef) => AnyActorRef | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/**
 * Turns what XState tells its inspectors into the official wire format, as `@statelyai/inspect` does, with these differences:
 * amounts stay exact (its bigints become rounded numbers), definitions are whole (it cuts them at depth 10), and only what the
 * disclosure lets through is there. A test compares the two. What comes out is plain JSON, and nobody else's.
 */
export class Converter {
  readonly #options: ConverterOptions;

  constructor(options: ConverterOptions) {
    this.#options = options;
  }

  /** null: not part of the format (microsteps, actions). */
  message(event: InspectionEvent): WireMessage | null {
    switch (event.type) {
      case '@xstate.actor':
        return this.actor(event.actorRef as AnyActor);
      case '@xstate.event':
        return this.#event(event.actorRef as AnyActor, event.event, event.sourceRef);
      case '@xstate.snapshot':
        return this.snapshot(event.actorRef as AnyActor, event.event);
      case '@xstate.microstep':
      case '@xstate.transition':
      case '@xstate.action':
        return null;
    }
  }

  actor(actor: AnyActor): WireActor {
    const definition = definitionOf(actor);
    const message = (whole: boolean): WireActor => ({
      ...this.#base(actor),
      type: '@xstate.actor',
      // An actor without a name of its own is called after its machine.
      name: actor.id === actor.sessionId ? (definition.id ?? actor.id) : actor.id,
      definition: JSON.stringify(definition, plain),
      parentId: this.#idOf(this.#options.parentOf(actor)),
      snapshot: this.#snapshot(actor, whole),
    });
    return this.#fitting(message);
  }

  snapshot(actor: AnyActor, event: WireEventBody): WireSnapshot {
    return this.#fitting((whole) => ({
      ...this.#base(actor),
      type: '@xstate.snapshot',
      event: this.#body(event, whole),
      snapshot: this.#snapshot(actor, whole),
    }));
  }

  #event(actor: AnyActor, event: WireEventBody, source: ActorRefLike | undefined): WireMessage {
    return this.#fitting((whole) => ({
      ...this.#base(actor),
      type: '@xstate.event',
      event: this.#body(event, whole),
      sourceId: this.#idOf(source),
    }));
  }

  #body(event: WireEventBody, whole: boolean): WireEventBody {
    return whole ? this.#options.disclosure.event(event) : { type: event.type, leftOut: TOO_LARGE };
  }

  /** What XState itself writes of a snapshot, with the context that may be shown. */
  #snapshot(actor: AnyActor, whole: boolean): WireSnapshotState {
    const snapshot = actor.getSnapshot() as SnapshotLike;
    const written = snapshot.toJSON?.() ?? snapshot;
    if (!('context' in written)) return written;
    const context = whole ? this.#options.disclosure.context(written.context) : { leftOut: TOO_LARGE };
    return { ...written, context };
  }

  #base(actor: AnyActor): Pick<WireMessage, 'sessionId' | 'rootId' | 'createdAt' | 'id' | '_version'> {
    return {
      _version: WIRE_VERSION,
      createdAt: String(this.#options.now()),
      id: null,
      rootId: this.#prefixed(this.#rootOf(actor).sessionId),
      sessionId: this.#prefixed(actor.sessionId),
    };
  }

  #rootOf(actor: AnyActor): AnyActorRef {
    let root: AnyActorRef = actor;
    for (
      let parent = this.#options.parentOf(root);
      parent !== undefined;
      parent = this.#options.parentOf(root)
    )
      root = parent;
    return root;
  }

  #idOf(actor: ActorRefLike | undefined): string | undefined {
    return actor === undefined ? undefined : this.#prefixed(actor.sessionId);
  }

  #prefixed(sessionId: string): string {
    return `${this.#options.nodeId}/${sessionId}`;
  }

  #fitting<M extends WireMessage>(message: (whole: boolean) => M): M {
    const text = JSON.stringify(message(true), plain);
    const fits = Buffer.byteLength(text) <= this.#options.bytesMax;
    return JSON.parse(fits ? text : JSON.stringify(message(false), plain)) as M;
  }
}

const TOO_LARGE = 'too large to be shown';

interface SnapshotLike extends WireSnapshotState {
  readonly toJSON?: () => WireSnapshotState;
}

function definitionOf(actor: AnyActor): { readonly id?: string | undefined } {
  const logic: unknown = actor.logic;
  const hasConfig = typeof logic === 'object' && logic !== null && 'config' in logic;
  if (hasConfig && typeof logic.config === 'object' && logic.config !== null) return logic.config;
  return { id: actor.id };
}

/** Of what JSON does not know. Text of errors stays here: it may hold anything. */
function plain(_key: string, value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'function') return { type: value.name };
  if (value instanceof Error) return { name: value.name };
  if (value instanceof Map || value instanceof Set) return { size: value.size };
  return value;
}
