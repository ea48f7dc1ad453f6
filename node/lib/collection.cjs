// The collections of servers and of the parts of a message: arrays, with the members of the original.
'use strict';

const names = require('./names.cjs');
const { VALUES } = require('./record.cjs');

class Collection extends Array {
  // `map`, `filter` and the like give ordinary arrays.
  static get [Symbol.species]() {
    return Array;
  }

  get count() {
    return this.length;
  }

  /** Adds an item, or one made of the arguments of its constructor, and gives it back. */
  add(...given) {
    const item = this.constructor.Item.from(...given);
    this.push(item);
    return item;
  }

  /** Takes an item out, named by itself or by its place, and gives it back. */
  remove(which) {
    const index = typeof which === 'number' ? which : this.indexOf(which);
    if (!Number.isInteger(index) || index < 0 || index >= this.length) {
      throw new RangeError(`there is no such item; the collection has ${this.length}`);
    }
    return this.splice(index, 1)[0];
  }

  /** The item that was added last. */
  getLastItem() {
    return this.at(-1);
  }
}
names.apply(Collection);

/** What the native half reads; items that were put in by index or `push` are made records first. */
function valuesOf(collection) {
  return Array.from(collection, (item) => collection.constructor.Item.from(item)[VALUES]);
}

module.exports = { Collection, valuesOf };
