//! Enum arguments: a number or a name in, the number out; the names are the core's.

use freesmtp_core::{
    AuthMode, Error, Security,
    message::{
        AutoSubmitted, BodyPartEncoding, BodyPartFormat, DeliverByMode, Notify, Priority, RecipientType,
        ReturnContent, ValidSinceAction, dkim::Canonicalization,
    },
    smtp::MinTlsVersion,
    spool::Durability,
};
use napi::bindgen_prelude::Either;
use napi_derive::napi;

use crate::{
    answer::{Answer, guard},
    error::{explained, input},
};

/// The enums of the object API that have numbers.
#[napi(string_enum)]
pub enum Choice {
    /// `RecipientType`
    RecipientType,
    /// `BodyPartFormat`
    BodyPartFormat,
    /// `BodyPartEncoding`
    BodyPartEncoding,
    /// `Priority`
    Priority,
    /// `AutoSubmitted`
    AutoSubmitted,
    /// `Notify`, a set
    Notify,
    /// `Canonicalization`
    Canonicalization,
    /// `ReturnContent`
    ReturnContent,
    /// `DeliverByMode`
    DeliverByMode,
    /// `ValidSinceAction`
    ValidSinceAction,
    /// `SMTPAuthMode`
    AuthMode,
    /// `Security`
    Security,
    /// `Durability`
    Durability,
}

/// The number of an enum value that was given as its number or its name.
#[napi]
pub fn choose(choice: Choice, field: String, value: Either<f64, String>) -> Answer<u8> {
    guard(|| match choice {
        Choice::RecipientType => numbered(&field, value, RecipientType::ALL, RecipientType::number),
        Choice::BodyPartFormat => numbered(&field, value, BodyPartFormat::ALL, BodyPartFormat::number),
        Choice::BodyPartEncoding => numbered(&field, value, BodyPartEncoding::ALL, BodyPartEncoding::number),
        Choice::Priority => numbered(&field, value, Priority::ALL, Priority::number),
        Choice::AutoSubmitted => numbered(&field, value, AutoSubmitted::ALL, AutoSubmitted::number),
        Choice::Canonicalization => numbered(&field, value, Canonicalization::ALL, Canonicalization::number),
        Choice::ReturnContent => numbered(&field, value, ReturnContent::ALL, ReturnContent::number),
        Choice::DeliverByMode => numbered(&field, value, DeliverByMode::ALL, DeliverByMode::number),
        Choice::ValidSinceAction => numbered(&field, value, ValidSinceAction::ALL, ValidSinceAction::number),
        Choice::Durability => numbered(&field, value, &Durability::ALL, Durability::number),
        Choice::Notify => match value {
            Either::A(number) => {
                known(&field, number, (0..=u8::MAX).map_while(Notify::from_number).map(Notify::number))
            }
            Either::B(names) => names.parse().map(Notify::number).map_err(|()| {
                input(&field, "is never, or some of success, failure, delay, separated by commas")
            }),
        },
        Choice::AuthMode => match value {
            Either::A(number) => known(&field, number, AuthMode::ALL.map(|(mode, _)| mode as u8)),
            Either::B(name) => name.parse::<AuthMode>().map(|mode| mode as u8).map_err(explained),
        },
        Choice::Security => match value {
            Either::A(number) => known(&field, number, Security::ALL.map(|security| security as u8)),
            Either::B(name) => name.parse::<Security>().map(|security| security as u8).map_err(explained),
        },
    })
}

/// The oldest TLS version by its name, in the core's own spelling.
#[napi]
pub fn tls_version(name: String) -> Answer<String> {
    guard(|| name.parse::<MinTlsVersion>().map(|version| version.as_str().to_owned()).map_err(explained))
}

fn numbered<T>(field: &str, value: Either<f64, String>, all: &[T], number: fn(T) -> u8) -> Result<u8, Error>
where
    T: Copy + std::str::FromStr + std::fmt::Display,
{
    match value {
        Either::A(value) => known(field, value, all.iter().map(|value| number(*value))),
        Either::B(name) => name.parse().map(number).map_err(|_| {
            let names: Vec<String> = all.iter().map(ToString::to_string).collect();
            input(field, format!("is one of {}", names.join(", ")))
        }),
    }
}

fn known(field: &str, value: f64, numbers: impl IntoIterator<Item = u8>) -> Result<u8, Error> {
    let numbers: Vec<u8> = numbers.into_iter().collect();
    numbers.iter().copied().find(|number| f64::from(*number) == value).ok_or_else(|| {
        let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        input(field, format!("is one of the numbers {}", numbers.join(", ")))
    })
}
