// The SMTP object.
'use strict';

const { EventEmitter } = require('node:events');
const { setImmediate: turn } = require('node:timers/promises');
const { inspect } = require('node:util');
const native = require('./native.cjs');
const names = require('./names.cjs');
const { eventsOf, toSpoolStatus } = require('./agent.cjs');
const { bulkResults, iteratorOf } = require('./bulk.cjs');
const { CheckOptions } = require('./check.cjs');
const { valuesOf } = require('./collection.cjs');
const { because, classes, take } = require('./error.cjs');
const { Hearing } = require('./events.cjs');
const { choice, flag, number, optional, path, text, whole, wrongType } = require('./kinds.cjs');
const { LogOptions } = require('./log.cjs');
const { merge, mergeEach } = require('./merge.cjs');
const { BLOCKING, messageValues, readersOf } = require('./message.cjs');
const { VALUES, assign } = require('./record.cjs');
const { Questions } = require('./questions.cjs');
const { toReport } = require('./report.cjs');
const { SMTPServer, SMTPServers } = require('./server.cjs');
const { Timeouts } = require('./timeouts.cjs');

function requireSignal(signal) {
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw wrongType('signal', 'an AbortSignal', signal);
  }
}

class SMTP extends EventEmitter {
  #native = new native.Smtp();
  #servers = new SMTPServers();
  /** The questions of the calls that are under way. */
  #questions = new Set();

  #hearing;

  constructor(server) {
    super();
    this.#hearing = new Hearing(this.#native, this);
    if (server !== undefined) {
      this.#servers.add(typeof server === 'string' ? SMTPServer.parse(server) : server);
    }
  }

  /** Sends a text to one recipient with the defaults of everything else. */
  static async quickSend(smtpServerName, recipientEmail, fromEmail, subject, bodyText, bodyPartFormat = 'plain') {
    const answer = await native.quickSend(
      text(smtpServerName, 'Name'),
      text(recipientEmail, 'Recipients[0].Email'),
      text(fromEmail, 'From.Email'),
      text(subject, 'Subject'),
      text(bodyText, 'BodyParts[0].Body'),
      choice('BodyPartFormat')(bodyPartFormat, 'BodyParts[0].Format'),
    );
    return toReport(take(answer));
  }

  get smtpServers() {
    return this.#servers;
  }

  get logFile() {
    return take(this.#native.logFile());
  }

  set logFile(value) {
    take(this.#native.setLogFile(path(value, 'LogFile')));
  }

  get logOptions() {
    return new LogOptions(this.#native);
  }

  set logOptions(value) {
    assign(this.logOptions, value);
  }

  get defaultDomain() {
    return take(this.#native.defaultDomain());
  }

  set defaultDomain(value) {
    take(this.#native.setDefaultDomain(text(value, 'DefaultDomain')));
  }

  get defaultTimeout() {
    return take(this.#native.defaultTimeout());
  }

  set defaultTimeout(value) {
    take(this.#native.setDefaultTimeout(number(value, 'DefaultTimeout')));
  }

  get timeouts() {
    return new Timeouts(this.#native);
  }

  set timeouts(value) {
    assign(this.timeouts, value);
  }

  get allOrNothing() {
    return take(this.#native.allOrNothing());
  }

  set allOrNothing(value) {
    take(this.#native.setAllOrNothing(flag(value, 'AllOrNothing')));
  }

  get maxConnections() {
    return take(this.#native.maxConnections());
  }

  set maxConnections(value) {
    take(this.#native.setMaxConnections(whole(2 ** 32 - 1)(value, 'MaxConnections')));
  }

  get maxMessagesPerConnection() {
    return take(this.#native.maxMessagesPerConnection());
  }

  set maxMessagesPerConnection(value) {
    take(this.#native.setMaxMessagesPerConnection(whole(2 ** 32 - 1)(value, 'MaxMessagesPerConnection')));
  }

  get rateLimit() {
    return take(this.#native.rateLimit());
  }

  set rateLimit(value) {
    take(this.#native.setRateLimit(optional(number)(value, 'RateLimit')));
  }

  get spoolPath() {
    return take(this.#native.spoolPath());
  }

  set spoolPath(value) {
    take(this.#native.setSpoolPath(value === null || value === undefined ? '' : path(value, 'SpoolPath')));
  }

  get spoolDurability() {
    return take(this.#native.spoolDurability());
  }

  set spoolDurability(value) {
    take(this.#native.setSpoolDurability(choice('Durability')(value, 'SpoolDurability')));
  }

  get connected() {
    return take(this.#native.connected());
  }

  get version() {
    return native.version();
  }

  /** Sends on a thread of its own. */
  async send(message, { signal } = {}) {
    requireSignal(signal);
    const values = messageValues(message);
    return toReport(await this.#abortable(signal, (servers, { ask }, cancel) =>
      this.#native.send(servers, values, cancel, ask), readersOf(values)));
  }

  /** Sends any number of messages; gives their results as they come. */
  sendBulk(messages, { signal } = {}) {
    requireSignal(signal);
    const servers = this.#values();
    const questions = new Questions(servers);
    const bulk = take(this.#native.openBulk(servers, questions.ask));
    return bulkResults(bulk, iteratorOf(messages), { questions, signal, running: this.#questions });
  }

  /** The same with a message for each row of a template. */
  sendBulkMerge(template, rows, options) {
    return this.sendBulk(mergeEach(template, rows), options);
  }

  /** Hands a message over to the agent. */
  async submitToSpool(message, folder) {
    const values = messageValues(message, BLOCKING);
    return take(await this.#native.submit([values], optional(path)(folder, 'Path'), false))[0];
  }

  /** Hands many over, with one sync. */
  async submitBulk(messages, folder) {
    const values = Array.from(messages, (message) => messageValues(message, BLOCKING));
    return take(await this.#native.submit(values, optional(path)(folder, 'Path'), true));
  }

  /** The same with a message for each row of a template. */
  async submitBulkMerge(template, rows, folder) {
    if (typeof rows?.[Symbol.iterator] !== 'function' || typeof rows !== 'object') {
      throw wrongType('rows', 'an iterable', rows);
    }
    return this.submitBulk(merge(template, rows), folder);
  }

  /** Writes to the disk what was submitted under `Durability.Batch`. */
  async syncSpool() {
    take(await this.#native.syncSpool());
  }

  /** What became of a message of the spool. */
  async spoolStatus(id) {
    return toSpoolStatus(take(await this.#native.spoolStatus(text(id, 'Id'))));
  }

  /** How far a blast is. */
  async blastStatus(name) {
    return take(await this.#native.blast(text(name, 'Blast'), 'Status'));
  }

  async pauseBlast(name) {
    return take(await this.#native.blast(text(name, 'Blast'), 'Pause'));
  }

  async resumeBlast(name) {
    return take(await this.#native.blast(text(name, 'Blast'), 'Resume'));
  }

  async cancelBlast(name) {
    return take(await this.#native.blast(text(name, 'Blast'), 'Cancel'));
  }

  /** Waits until each recipient of a blast has its result. */
  async waitForBlast(name, timeout, { signal } = {}) {
    requireSignal(signal);
    const blast = text(name, 'Blast');
    const limit = optional(number)(timeout, 'Timeout');
    return this.#abortable(signal, (_servers, _questions, cancel) => this.#native.waitForBlast(blast, limit, cancel));
  }

  /** Waits until each recipient of a message of the spool has its result. */
  async waitForMessage(id, timeout, { signal } = {}) {
    requireSignal(signal);
    const message = text(id, 'Id');
    const limit = optional(number)(timeout, 'Timeout');
    return toSpoolStatus(await this.#abortable(signal, (_servers, _questions, cancel) =>
      this.#native.waitForMessage(message, limit, cancel)));
  }

  /** What happens to recipients from now on. */
  spoolEvents({ blast = '', signal } = {}) {
    requireSignal(signal);
    const cancel = new native.Cancel();
    return eventsOf(this.#native.spoolEvents(text(blast, 'Blast'), cancel), cancel, signal);
  }

  /** Looks at a server without sending mail. */
  async check(options = {}, { signal } = {}) {
    requireSignal(signal);
    const values = CheckOptions.from(options)[VALUES];
    return this.#abortable(signal, (servers, { ask }, cancel) => this.#native.check(servers, values, cancel, ask));
  }

  /** Sends, and blocks until it is done. */
  sendSync(message) {
    const servers = this.#values();
    const questions = new Questions(servers);
    try {
      return toReport(take(this.#native.sendSync(servers, messageValues(message, BLOCKING), questions.ask)));
    } catch (error) {
      throw questions.explain(error);
    }
  }

  /** Opens a connection and keeps it for the next message. */
  async connect({ signal } = {}) {
    requireSignal(signal);
    await this.#abortable(signal, (servers, { ask }, cancel) => this.#native.connect(servers, cancel, ask));
  }

  /** Ends the kept connections. */
  async disconnect({ signal } = {}) {
    requireSignal(signal);
    await this.#abortable(signal, (_servers, _questions, cancel) => this.#native.disconnect(cancel));
  }

  /** The same, at the end of a block with `await using`. */
  async [Symbol.asyncDispose]() {
    await this.disconnect();
  }

  /** Cancels everything that is under way. */
  cancel() {
    take(this.#native.cancel());
    this.#questions.forEach((questions) => questions.cancel());
  }

  /** Sends one command and gives the reply. */
  async sendSMTPCommand(command, { signal } = {}) {
    requireSignal(signal);
    const line = text(command, 'Command');
    return this.#abortable(signal, (servers, { ask }, cancel) => this.#native.sendCommand(servers, line, cancel, ask));
  }

  /** Forgets servers, log and settings at once, and ends the kept connections. */
  async reset() {
    this.#servers.length = 0;
    const done = this.#native.reset();
    this.#hearing.reset();
    take(await done);
  }

  toJSON() {
    const { smtpServers, logFile, defaultDomain, timeouts, allOrNothing, connected } = this;
    return { smtpServers, logFile, defaultDomain, timeouts, allOrNothing, connected };
  }

  [inspect.custom](depth, options) {
    return `SMTP ${inspect(this.toJSON(), options)}`;
  }

  /** Awaits what `begin` calls with a Cancel that the signal triggers. */
  async #abortable(signal, begin, readers) {
    const cancel = new native.Cancel();
    let abort;
    try {
      return await this.#call((servers, questions) => {
        abort = () => {
          take(cancel.cancel());
          questions.cancel();
        };
        if (signal?.aborted) {
          abort();
        }
        signal?.addEventListener('abort', abort, { once: true });
        return begin(servers, questions, cancel);
      }, readers);
    } catch (error) {
      throw signal?.aborted && error instanceof classes.Cancelled ? because(error, signal.reason) : error;
    } finally {
      signal?.removeEventListener('abort', abort);
    }
  }

  /** Awaits what `begin` calls, and answers its questions for tokens meanwhile. */
  async #call(begin, readers) {
    const servers = this.#values();
    const questions = new Questions(servers, readers);
    this.#questions.add(questions);
    try {
      return take(await begin(servers, questions));
    } catch (error) {
      throw questions.explain(error);
    } finally {
      this.#questions.delete(questions);
      if (this.#hearing.isOn) {
        // What happened before is heard before.
        await turn();
      }
    }
  }

  #values() {
    return valuesOf(this.#servers);
  }
}
names.apply(SMTP);
Object.defineProperty(SMTP.prototype, 'SubmitToExpress', {
  value: SMTP.prototype.submitToSpool,
  configurable: true,
  writable: true,
});

module.exports = { SMTP };
