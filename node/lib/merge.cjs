// Merge: one message for each row of a template.
'use strict';

const { inspect } = require('node:util');
const native = require('./native.cjs');
const names = require('./names.cjs');
const { Unmade } = require('./bulk.cjs');
const { take } = require('./error.cjs');
const { text, wrongType } = require('./kinds.cjs');
const { messageCopy, messageValues } = require('./message.cjs');

/** A value of a row as text; what would not be meant is refused. */
function written(value, name) {
  const field = `row[${inspect(name)}]`;
  if (!['string', 'number', 'bigint', 'boolean'].includes(typeof value)) {
    throw wrongType(field, 'a string, a number or a boolean', value);
  }
  return text(String(value), field);
}

/** A message whose texts are compiled once, and filled in for each row. */
class MergeTemplate {
  #message;
  #native;

  constructor(message) {
    const values = messageValues(message);
    this.#native = take(native.newTemplate(values));
    this.#message = messageCopy(message);
  }

  /** The message of one row: the name of each field and its value. */
  render(row) {
    if (typeof row !== 'object' || row === null) {
      throw wrongType('row', 'an object of names and values', row);
    }
    const fields = Object.entries(row).map(([name, value]) => ({ name: text(name, 'row'), value: written(value, name) }));
    const message = messageCopy(this.#message);
    for (const { property, text: value } of take(native.mergedTexts(this.#native, fields))) {
      place(message, property, value);
    }
    return message;
  }
}
names.apply(MergeTemplate);

/** Sets the text behind a name such as `Recipients[0].Email`. */
function place(message, property, value) {
  const [, owner, index, member] = /^(\w+)(?:\[(\d+)\])?(?:\.(\w+))?$/.exec(property);
  if (index === undefined) {
    const [target, name] = member ? [message[owner], member] : [message, owner];
    target[name] = value;
  } else if (member) {
    message[owner][Number(index)][member] = value;
  } else {
    message[owner] = message[owner].with(Number(index), value);
  }
}

/** The messages of rows, each made when it is asked for. */
function merge(template, rows) {
  return merged(template instanceof MergeTemplate ? template : new MergeTemplate(template), rows);
}

function merged(template, rows) {
  const isAsync = typeof rows === 'object' && typeof rows?.[Symbol.asyncIterator] === 'function';
  if (!isAsync && (typeof rows !== 'object' || typeof rows?.[Symbol.iterator] !== 'function')) {
    throw wrongType('rows', 'an iterable or an async iterable', rows);
  }
  return isAsync ? mergeAsync(template, rows) : mergeSync(template, rows);
}

/** The same for a bulk, where a row that cannot be filled in has its own result. */
function mergeEach(template, rows) {
  const compiled = template instanceof MergeTemplate ? template : new MergeTemplate(template);
  return merged({
    render(row) {
      try {
        return compiled.render(row);
      } catch (error) {
        return new Unmade(error);
      }
    },
  }, rows);
}

function* mergeSync(template, rows) {
  for (const row of rows) {
    yield template.render(row);
  }
}

async function* mergeAsync(template, rows) {
  for await (const row of rows) {
    yield template.render(row);
  }
}

module.exports = { MergeTemplate, merge, mergeEach };
