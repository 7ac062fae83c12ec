import type { EnvoyPatch, FilterPhase } from '@weft/mesh-model';

/** A named message in a list, encoded. */
export interface ListItem {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Of what a patch added. */
  readonly phase?: FilterPhase;
}

export interface ListRules {
  readonly matches: (item: ListItem) => boolean;
  readonly merge: (item: ListItem, patch: Uint8Array) => ListItem;
  readonly read: (bytes: Uint8Array) => ListItem;
  /** Where ADD puts something of a phase. */
  readonly placeOf: (items: readonly ListItem[], phase: FilterPhase) => number;
}

/** The list as the patch leaves it: the same one if what the patch names is not in it. */
export function patchedList(items: readonly ListItem[], patch: EnvoyPatch, rules: ListRules): readonly ListItem[] {
  const { operation, value } = patch;
  if (operation === 'REMOVE') return items.filter((item) => !rules.matches(item));
  if (value === null) return items;
  const insert = (at: number) => (at < 0 ? items : items.toSpliced(at, 0, rules.read(value)));
  switch (operation) {
    case 'MERGE':
      return items.map((item) => (rules.matches(item) ? rules.merge(item, value) : item));
    case 'REPLACE':
      return items.map((item) => (rules.matches(item) ? rules.read(value) : item));
    case 'INSERT_FIRST':
      return insert(0);
    case 'INSERT_BEFORE':
      return insert(items.findIndex(rules.matches));
    case 'INSERT_AFTER': {
      const at = items.findLastIndex(rules.matches);
      return insert(at < 0 ? at : at + 1);
    }
    case 'ADD':
      return items.toSpliced(rules.placeOf(items, patch.phase), 0, { ...rules.read(value), phase: patch.phase });
  }
}
