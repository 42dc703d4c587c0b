// Who of a conference does not hear whom (`conference … relate`): by member, the other and what is taken away.

/** Relations of one conference; a further one is refused. */
const MAX_RELATIONS = 1024;

interface Relation {
  readonly member: number;
  readonly other: number;
  readonly canSpeak: boolean;
  readonly canHear: boolean;
}

export class Relations {
  #list: Relation[] = [];

  get isEmpty(): boolean {
    return this.#list.length === 0;
  }

  /** Of one member, or all of them. */
  of(member: number): readonly Relation[] {
    return this.#list.filter((relation) => member === 0 || relation.member === member);
  }

  /** `canSpeak`: whether `other` hears `member`; `canHear`: whether `member` hears `other`. False when there are too many. */
  set(relation: Relation): boolean {
    this.clear(relation.member, relation.other);
    if (this.#list.length >= MAX_RELATIONS) return false;
    this.#list.push(relation);
    return true;
  }

  clear(member: number, other: number): void {
    this.#list = this.#list.filter((relation) => relation.member !== member || relation.other !== other);
  }

  /** A member has left. */
  forget(id: number): void {
    if (!this.isEmpty) this.#list = this.#list.filter(({ member, other }) => member !== id && other !== id);
  }

  mayHear(listener: number, speaker: number): boolean {
    for (let i = 0; i < this.#list.length; i++) {
      const relation = this.#list[i];
      if (relation === undefined) continue;
      if (relation.member === listener && relation.other === speaker && !relation.canHear) return false;
      if (relation.member === speaker && relation.other === listener && !relation.canSpeak) return false;
    }
    return true;
  }
}
