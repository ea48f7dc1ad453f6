//! The table of rules: read once, asked for each failure. What the rules say stands in `rules.txt`.

use std::sync::LazyLock;

use super::features::{self, Feature};
use super::pattern::{Concepts, Pattern};
use super::reading::Text;
use super::text::{Kind, Token, tokenise};
use crate::types::{Cause, EnhancedCode, Reply, Stage};

const SOURCE: &str = include_str!("rules.txt");

/// The table. A mistake in it is found by the tests, never by a user: an unreadable table knows nothing.
pub(super) static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(SOURCE).unwrap_or_default());

/// What a rule may ask about.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Facts {
    /// The phase; `None` when unknown.
    pub(super) stage: Option<Stage>,
    /// The text is the client's own: an error of the operating system or of the TLS library.
    pub(super) local: bool,
    /// The reply code, or 0.
    pub(super) code: u16,
    /// The enhanced status code.
    pub(super) enhanced: Option<EnhancedCode>,
    /// The session is not encrypted although STARTTLS is offered.
    pub(super) clear: bool,
    /// AUTH is offered and the session is not logged in.
    pub(super) anonymous: bool,
}

/// One row.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) cause: Cause,
    /// The line of `rules.txt`.
    #[cfg_attr(not(test), expect(dead_code, reason = "names the row in the tests' messages"))]
    pub(super) line: usize,
    weight: u8,
    /// Empty for any.
    phases: Vec<Phase>,
    /// Any of these, each being all of its terms; empty for any.
    conditions: Vec<Vec<Term>>,
    pattern: Option<Pattern>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Stage(Stage),
    Local,
}

#[derive(Clone, Copy, Debug)]
enum Term {
    Class(u16),
    Code(u16),
    /// `None` stands for `x`.
    Enhanced([Option<u16>; 3]),
    /// No enhanced code.
    Bare,
    Clear,
    Anonymous,
}

/// All rules, the heaviest first, and the words they share.
#[derive(Debug, Default)]
pub(super) struct Table {
    concepts: Concepts,
    pub(super) rules: Vec<Rule>,
}

impl Table {
    fn parse(source: &str) -> Result<Self, String> {
        let mut table = Self::default();
        let mut cause = None;
        for (line, entry) in entries(source) {
            let here = |what: String| format!("rules.txt line {line}: {what}");
            if let Some(name) = entry.strip_prefix('[').and_then(|e| e.strip_suffix(']')) {
                cause = Some(name.parse().map_err(|()| here(format!("no cause {name}")))?);
            } else if let Some((name, words)) = entry.strip_prefix('<').and_then(|e| e.split_once("> =")) {
                table.concepts.define(name, words).map_err(here)?;
            } else {
                let cause = cause.ok_or_else(|| here("a rule before the first [cause]".into()))?;
                let rule = Rule::parse(&entry, cause, line, &mut table.concepts).map_err(here)?;
                table.rules.push(rule);
            }
        }
        // Stable: of equal weight, the upper row goes first.
        table.rules.sort_by_key(|rule| std::cmp::Reverse(rule.weight));
        Ok(table)
    }

    /// All rows that hold: their lines, weights and causes.
    #[cfg(test)]
    pub(super) fn all(&self, facts: &Facts, text: &str) -> Vec<(usize, u8, Cause)> {
        let tokens = tokenise(text);
        let text = Text::new(&tokens, &self.concepts);
        self.rules.iter().filter(|r| r.holds(facts, &text)).map(|r| (r.line, r.weight, r.cause)).collect()
    }

    /// What the table finds in a text.
    pub(super) fn verdict<'a>(&'a self, facts: &'a Facts, tokens: &'a [Token]) -> Verdict<'a> {
        let text = Text::new(tokens, &self.concepts);
        Verdict { facts, tokens, rule: self.strongest(facts, &text), text, concepts: &self.concepts }
    }

    /// The rule that decides about a text.
    pub(super) fn decide(&self, facts: &Facts, text: &str) -> Option<&Rule> {
        let tokens = tokenise(text);
        self.strongest(facts, &Text::new(&tokens, &self.concepts))
    }

    /// The rule that decides: of the cause that the text and the numbers together say the most for, the one that says
    /// the most.
    fn strongest(&self, facts: &Facts, text: &Text<'_>) -> Option<&Rule> {
        let mut found: Vec<(Cause, Evidence<'_>)> = Vec::new();
        let mut heaviest = 0;
        for rule in &self.rules {
            let known = found.iter().position(|(cause, _)| *cause == rule.cause);
            // Most rows need not be looked at: they could change nothing any more.
            let late = rule.weight + AGREEMENT < heaviest
                || known.and_then(|at| found.get(at)).is_some_and(|(_, evidence)| evidence.words.is_some());
            if (late && rule.pattern.is_some()) || !rule.holds(facts, text) {
                continue;
            }
            if rule.says_it() {
                heaviest = heaviest.max(rule.weight);
            }
            match known.and_then(|at| found.get_mut(at)) {
                Some((_, evidence)) => evidence.add(rule),
                None => found.push((rule.cause, Evidence::default().with(rule))),
            }
        }
        // Of equal weight the first: `max_by_key` would take the last.
        let best = found.iter().rev().max_by_key(|(_, evidence)| evidence.weight())?;
        best.1.strongest()
    }
}

/// A text with what the table finds in it.
#[derive(Debug)]
pub(super) struct Verdict<'a> {
    facts: &'a Facts,
    pub(super) tokens: &'a [Token],
    /// The rule that decides, when one does.
    pub(super) rule: Option<&'a Rule>,
    text: Text<'a>,
    concepts: &'a Concepts,
}

impl Verdict<'_> {
    /// Whether the text has words: a code alone has none.
    pub(super) fn has_words(&self) -> bool {
        self.tokens.iter().any(|token| token.kind == Kind::Word)
    }

    pub(super) fn each_feature(&self, found: &mut impl FnMut(Feature<'_>)) {
        let rule = self.rule.map(|rule| rule.cause);
        features::each(self.facts, self.tokens, &self.text, self.concepts, rule, found);
    }
}

/// A number alone that weighs this much says as much as words: a provider's own code.
const SAYS_IT: u8 = 90;

/// What an enhanced code that agrees adds to the weight of words, at most.
const AGREEMENT: u8 = 5;

/// What speaks for one cause: the heaviest row of each kind. Rows come the heaviest first.
#[derive(Clone, Copy, Debug, Default)]
struct Evidence<'a> {
    words: Option<&'a Rule>,
    enhanced: Option<&'a Rule>,
    basic: Option<&'a Rule>,
}

impl<'a> Evidence<'a> {
    fn with(mut self, rule: &'a Rule) -> Self {
        self.add(rule);
        self
    }

    fn add(&mut self, rule: &'a Rule) {
        let kind = match () {
            _ if rule.says_it() => &mut self.words,
            _ if rule.asks_enhanced_code() => &mut self.enhanced,
            _ => &mut self.basic,
        };
        kind.get_or_insert(rule);
    }

    /// Words first, and of two words the one that the enhanced code agrees with; numbers when no word says anything.
    fn weight(&self) -> u32 {
        let of = |rule: Option<&Rule>| rule.map_or(0, |rule| u32::from(rule.weight));
        match self.words {
            Some(_) => of(self.words) * 8 + of(self.enhanced).min(8 * u32::from(AGREEMENT)),
            None if self.enhanced.is_some() => of(self.enhanced) * 8 + of(self.basic),
            None => of(self.basic) * 8,
        }
    }

    fn strongest(&self) -> Option<&'a Rule> {
        [self.words, self.enhanced, self.basic].into_iter().flatten().next()
    }
}

/// The entries with their line numbers: comments gone, indented lines joined to the line before.
fn entries(source: &str) -> Vec<(usize, String)> {
    let mut entries: Vec<(usize, String)> = Vec::new();
    for (number, line) in source.lines().enumerate() {
        let content = line.trim();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        match entries.last_mut() {
            Some((_, entry)) if line.starts_with(' ') => {
                entry.push(' ');
                entry.push_str(content);
            }
            _ => entries.push((number + 1, content.to_owned())),
        }
    }
    entries
}

impl Rule {
    fn parse(entry: &str, cause: Cause, line: usize, concepts: &mut Concepts) -> Result<Self, String> {
        let (head, words) =
            entry.split_once(" : ").map_or((entry, None), |(head, words)| (head, Some(words)));
        let mut columns = head.split_whitespace();
        let mut column = |name: &str| columns.next().ok_or_else(|| format!("no {name}"));
        let weight =
            column("weight")?.parse().map_err(|_| "the weight is a number from 0 to 99".to_owned())?;
        let phases = list(column("phases")?, parse_phase)?;
        let conditions = list(column("conditions")?, |c| c.split('+').map(parse_term).collect())?;
        if let Some(more) = columns.next() {
            return Err(format!("{more:?} is a column too many"));
        }
        let pattern = words.map(|w| Pattern::parse(w, concepts)).transpose()?;
        Ok(Self { cause, line, weight, phases, conditions, pattern })
    }

    /// For the client's own texts, not for replies.
    #[cfg(test)]
    pub(super) fn is_local(&self) -> bool {
        self.phases == [Phase::Local]
    }

    /// Whether what the session did decides, beside the text: then no word says more.
    pub(super) fn asks_session(&self) -> bool {
        self.conditions.iter().flatten().any(|term| matches!(term, Term::Clear | Term::Anonymous))
    }

    /// By words, or by a number that says as much.
    fn says_it(&self) -> bool {
        self.pattern.is_some() || self.weight >= SAYS_IT
    }

    fn asks_enhanced_code(&self) -> bool {
        self.conditions.iter().flatten().any(|term| matches!(term, Term::Enhanced(_)))
    }

    fn holds(&self, facts: &Facts, text: &Text<'_>) -> bool {
        self.phase_fits(facts)
            && (self.conditions.is_empty()
                || self.conditions.iter().any(|all| all.iter().all(|t| t.holds(facts))))
            && self.pattern.as_ref().is_none_or(|pattern| pattern.matches(text))
    }

    /// An unknown phase fits a rule that looks at words, and none that has the phase and a number only.
    fn phase_fits(&self, facts: &Facts) -> bool {
        if facts.local {
            return self.phases.contains(&Phase::Local);
        }
        match facts.stage {
            Some(stage) => self.phases.is_empty() || self.phases.contains(&Phase::Stage(stage)),
            None => self.phases.is_empty() || (self.pattern.is_some() && self.phases != [Phase::Local]),
        }
    }
}

/// A column: `*` for any, else parts separated by commas.
fn list<T>(column: &str, parse: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    if column == "*" { Ok(Vec::new()) } else { column.split(',').map(parse).collect() }
}

fn parse_phase(name: &str) -> Result<Phase, String> {
    match name {
        "LOCAL" => Ok(Phase::Local),
        _ => name.parse().map(Phase::Stage).map_err(|()| format!("no phase {name}")),
    }
}

fn parse_term(term: &str) -> Result<Term, String> {
    let wrong = || format!("no condition {term}");
    match term {
        "bare" => Ok(Term::Bare),
        "clear" => Ok(Term::Clear),
        "anonymous" => Ok(Term::Anonymous),
        "4xx" => Ok(Term::Class(4)),
        "5xx" => Ok(Term::Class(5)),
        _ if term.contains('.') => {
            let part = |p: &str| match p {
                "x" => Ok(None),
                _ => p.parse().map(Some).map_err(|_| wrong()),
            };
            let parts = term.split('.').map(part).collect::<Result<Vec<_>, _>>()?;
            parts.try_into().map(Term::Enhanced).map_err(|_| wrong())
        }
        _ => term.parse().ok().filter(|code| (400..600).contains(code)).map(Term::Code).ok_or_else(wrong),
    }
}

impl Term {
    fn holds(self, facts: &Facts) -> bool {
        match self {
            Self::Class(class) => facts.code / 100 == class,
            Self::Code(code) => facts.code == code,
            Self::Bare => facts.enhanced.is_none(),
            Self::Clear => facts.clear,
            Self::Anonymous => facts.anonymous,
            Self::Enhanced(wanted) => facts.enhanced.is_some_and(|code| {
                let parts = [u16::from(code.class), code.subject, code.detail];
                wanted.iter().zip(parts).all(|(wanted, part)| wanted.is_none_or(|w| w == part))
            }),
        }
    }
}

/// The enhanced status code of a reply, wherever it stands: at the beginning of a line as RFC 2034 has it, else
/// anywhere in the text (`(#5.1.1)`, `550 550 5.1.1 …`).
pub(super) fn enhanced_code(reply: &Reply) -> Option<EnhancedCode> {
    let plausible = |code: &EnhancedCode| matches!(code.class, 4 | 5) && code.subject <= 7;
    let anywhere = || {
        let text = reply.text();
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '.');
        words.filter_map(|word| word.trim_matches('.').parse().ok()).find(plausible)
    };
    reply.enhanced_code().or_else(anywhere)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_readable() {
        let table = Table::parse(SOURCE).unwrap();
        assert!(table.rules.len() > 100);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        for (source, line) in [
            ("50 RCPT * : word", 1),
            ("[relay-denied]\n\n50 RCPT : word", 3),
            ("[nonsense]", 1),
            ("[relay-denied]\n50 RCPTX * : word", 2),
            ("[relay-denied]\n50 RCPT 5.7 : word", 2),
            ("[relay-denied]\n50 RCPT 999", 2),
            ("[relay-denied]\n50 RCPT * : <nobody>", 2),
            ("[relay-denied]\n50 RCPT * word : word", 2),
            ("<a> = b\n<a> = c", 2),
        ] {
            let error = Table::parse(source).unwrap_err();
            assert!(error.starts_with(&format!("rules.txt line {line}:")), "{source:?} gave {error}");
        }
    }

    #[test]
    fn the_heaviest_row_decides_then_the_upper_one() {
        let table = Table::parse("[greylisted]\n5 * *\n[server-busy]\n9 * 4xx\n9 RCPT *\n5 * 5xx").unwrap();
        let decide = |code, stage| {
            let facts = Facts { code, stage, ..Facts::default() };
            table.decide(&facts, "").unwrap().line
        };
        assert_eq!(decide(450, None), 4);
        assert_eq!(decide(450, Some(Stage::Rcpt)), 4);
        assert_eq!(decide(550, Some(Stage::Rcpt)), 5);
        assert_eq!(decide(550, Some(Stage::Mail)), 2);
        assert_eq!(
            decide(550, None),
            2,
            "a phase and nothing else does not decide when the phase is unknown"
        );
    }

    #[test]
    fn finds_the_enhanced_code_wherever_it_stands() {
        let code = |text| enhanced_code(&Reply::parse(text).unwrap()).map(|c| c.to_string());
        assert_eq!(code("550 sorry, no mailbox here (#5.1.1 - chkusr)").as_deref(), Some("5.1.1"));
        assert_eq!(code("550 Blocked 4.2.2.1 5.9.1 for 192.0.2.1"), None);
        assert_eq!(code("550-5.7.26 first\n550 5.1.1 second").as_deref(), Some("5.7.26"));
    }
}
