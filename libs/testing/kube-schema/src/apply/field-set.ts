import { isObject, setKey, type JsonObject } from '../json.js';
import type { Schema } from '../schema.js';
import { childSchema } from './atom.js';
import {
  comparePathElements,
  describePathElement,
  parsePathElement,
  printPathElement,
  type PathElement,
} from './path-element.js';

interface Node {
  readonly element: PathElement;
  /** The path that ends here is itself in the set (in FieldsV1: no children, or a `.`). */
  readonly member: boolean;
  readonly children: FieldSet;
}

/** A set while it grows. */
type Branches = Map<string, { readonly element: PathElement; member: boolean; readonly children: Branches }>;

/**
 * A set of field paths, as `managedFields[].fieldsV1` holds it. Immutable.
 *
 * A path is in the set only when it was put in itself: owning `.spec.replicas` is not owning `.spec`.
 */
export class FieldSet {
  static readonly EMPTY: FieldSet = new FieldSet(new Map());

  /** By the text of the path element. No node is without both membership and children. */
  readonly #nodes: ReadonlyMap<string, Node>;

  private constructor(nodes: ReadonlyMap<string, Node>) {
    this.#nodes = nodes;
  }

  /** Whatever is no field set is skipped: an entry that a client broke owns less, and breaks nothing else. */
  static parse(fieldsV1: unknown): FieldSet {
    const nodes = new Map<string, Node>();
    for (const [text, inner] of Object.entries(isObject(fieldsV1) ? fieldsV1 : {})) {
      const element = parsePathElement(text);
      if (element === undefined) continue;
      const children = FieldSet.parse(inner);
      const member = children.isEmpty || (isObject(inner) && Object.hasOwn(inner, '.'));
      nodes.set(printPathElement(element), { element, member, children });
    }
    return FieldSet.#of(nodes);
  }

  static #of(nodes: ReadonlyMap<string, Node>): FieldSet {
    return nodes.size === 0 ? FieldSet.EMPTY : new FieldSet(nodes);
  }

  /** The set of these paths; the empty path is nothing. */
  static of(paths: Iterable<readonly PathElement[]>): FieldSet {
    const root: Branches = new Map();
    for (const path of paths) {
      let branches = root;
      for (const [i, element] of path.entries()) {
        const key = printPathElement(element);
        let branch = branches.get(key);
        if (branch === undefined) branches.set(key, (branch = { element, member: false, children: new Map() }));
        if (i === path.length - 1) branch.member = true;
        branches = branch.children;
      }
    }
    return FieldSet.#grown(root);
  }

  static #grown(branches: Branches): FieldSet {
    const nodes = new Map<string, Node>();
    for (const [key, { element, member, children }] of branches) {
      nodes.set(key, { element, member, children: FieldSet.#grown(children) });
    }
    return FieldSet.#of(nodes);
  }

  toFieldsV1(): JsonObject {
    const result: JsonObject = {};
    for (const { element, member, children } of this.#sorted()) {
      const inner = children.toFieldsV1();
      setKey(result, printPathElement(element), member && !children.isEmpty ? { '.': {}, ...inner } : inner);
    }
    return result;
  }

  get isEmpty(): boolean {
    return this.#nodes.size === 0;
  }

  #sorted(): readonly Node[] {
    return [...this.#nodes.values()].sort((a, b) => comparePathElements(a.element, b.element));
  }

  hasMember(element: PathElement): boolean {
    return this.#nodes.get(printPathElement(element))?.member === true;
  }

  /** The paths below one element. */
  below(element: PathElement): FieldSet {
    return this.#nodes.get(printPathElement(element))?.children ?? FieldSet.EMPTY;
  }

  union(other: FieldSet): FieldSet {
    if (this.isEmpty) return other;
    const nodes = new Map(this.#nodes);
    for (const [key, theirs] of other.#nodes) {
      const ours = nodes.get(key);
      const merged =
        ours === undefined
          ? theirs
          : {
              element: ours.element,
              member: ours.member || theirs.member,
              children: ours.children.union(theirs.children),
            };
      nodes.set(key, merged);
    }
    return FieldSet.#of(nodes);
  }

  intersection(other: FieldSet): FieldSet {
    return this.#combine(other, (ours, theirs) => ({
      element: ours.element,
      member: ours.member && theirs?.member === true,
      children: theirs === undefined ? FieldSet.EMPTY : ours.children.intersection(theirs.children),
    }));
  }

  /** Exactly the paths that the other set lacks; removing a path does not remove what is below it. */
  difference(other: FieldSet): FieldSet {
    return this.#combine(other, (ours, theirs) => ({
      element: ours.element,
      member: ours.member && theirs?.member !== true,
      children: theirs === undefined ? ours.children : ours.children.difference(theirs.children),
    }));
  }

  /** Removes the other set's paths and everything below them. */
  recursiveDifference(other: FieldSet): FieldSet {
    return this.#combine(other, (ours, theirs) => ({
      element: ours.element,
      member: ours.member && theirs?.member !== true,
      children:
        theirs === undefined
          ? ours.children
          : theirs.member
            ? FieldSet.EMPTY
            : ours.children.recursiveDifference(theirs.children),
    }));
  }

  #combine(other: FieldSet, decide: (ours: Node, theirs: Node | undefined) => Node): FieldSet {
    const nodes = new Map<string, Node>();
    for (const [key, ours] of this.#nodes) {
      const node = decide(ours, other.#nodes.get(key));
      if (node.member || !node.children.isEmpty) nodes.set(key, node);
    }
    return FieldSet.#of(nodes);
  }

  /** Only what lies at or below the named top-level field. */
  onlyField(name: string): FieldSet {
    const node = this.#nodes.get(`f:${name}`);
    return node === undefined ? FieldSet.EMPTY : new FieldSet(new Map([[`f:${name}`, node]]));
  }

  /** The same paths, and every named field of a struct on the way to them. Keys of free maps and list elements are not added. */
  withNamedFields(schema: Schema | undefined): FieldSet {
    const nodes = new Map<string, Node>();
    for (const [key, { element, member, children }] of this.#nodes) {
      const named =
        element.kind === 'field' && schema?.properties !== undefined && Object.hasOwn(schema.properties, element.name);
      nodes.set(key, {
        element,
        member: member || (named && !children.isEmpty),
        children: children.withNamedFields(childSchema(schema, element)),
      });
    }
    return FieldSet.#of(nodes);
  }

  equals(other: FieldSet): boolean {
    if (this.#nodes.size !== other.#nodes.size) return false;
    for (const [key, ours] of this.#nodes) {
      const theirs = other.#nodes.get(key);
      if (theirs?.member !== ours.member || !ours.children.equals(theirs.children)) return false;
    }
    return true;
  }

  /** Every path of the set in text, such as `.spec.template.spec.containers[name="a"].image`, in order. */
  describe(prefix = ''): readonly string[] {
    const nodes = this.#sorted();
    const here = nodes.filter((node) => node.member).map((node) => prefix + describePathElement(node.element));
    return [...here, ...nodes.flatMap((node) => node.children.describe(prefix + describePathElement(node.element)))];
  }
}
