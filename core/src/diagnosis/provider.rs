//! Providers that want another secret than the mailbox's password.

/// One provider.
#[derive(Debug)]
pub(super) struct Provider {
    pub(super) name: &'static str,
    /// What it takes instead of the ordinary password.
    pub(super) secret: &'static str,
    /// Where that is made.
    pub(super) page: &'static str,
    /// Domains of its servers and mailboxes.
    domains: &'static [&'static str],
}

const PROVIDERS: [Provider; 15] = [
    Provider {
        name: "Gmail",
        secret: "an app password (2-Step Verification must be on), or OAuth2 with Token",
        page: "https://myaccount.google.com/apppasswords",
        domains: &["gmail.com", "googlemail.com", "google.com"],
    },
    Provider {
        name: "Microsoft",
        secret: "OAuth2 with Token; password logins are off for most mailboxes, and an administrator must enable SMTP \
                 AUTH for the mailbox",
        page: "https://aka.ms/smtp_auth_disabled",
        domains: &[
            "outlook.com",
            "office365.com",
            "hotmail.com",
            "live.com",
            "msn.com",
            "outlook.office.com",
        ],
    },
    Provider {
        name: "Yahoo",
        secret: "an app password",
        page: "https://login.yahoo.com/account/security",
        domains: &["yahoo.com", "ymail.com", "yahoo.co.jp", "yahoo.de", "yahoo.fr", "yahoo.co.uk"],
    },
    Provider {
        name: "AOL",
        secret: "an app password",
        page: "https://login.aol.com/account/security",
        domains: &["aol.com"],
    },
    Provider {
        name: "iCloud",
        secret: "an app-specific password",
        page: "https://account.apple.com/account/manage",
        domains: &["mail.me.com", "icloud.com", "me.com", "mac.com"],
    },
    Provider {
        name: "Zoho",
        secret: "an application-specific password, when two-factor login is on",
        page: "https://accounts.zoho.com/home#security/app_password",
        domains: &["zoho.com", "zoho.eu", "zoho.in", "zohomail.com"],
    },
    Provider {
        name: "Fastmail",
        secret: "an app password",
        page: "https://app.fastmail.com/settings/security/apps",
        domains: &["fastmail.com", "messagingengine.com"],
    },
    Provider {
        name: "Tencent QQ",
        secret: "the authorization code from the mailbox settings",
        page: "https://mail.qq.com",
        domains: &["qq.com", "foxmail.com"],
    },
    Provider {
        name: "NetEase",
        secret: "the client authorization code from the mailbox settings",
        page: "https://mail.163.com",
        domains: &["163.com", "126.com", "yeah.net"],
    },
    Provider {
        name: "Yandex",
        secret: "an app password for mail",
        page: "https://id.yandex.com/security/app-passwords",
        domains: &["yandex.com", "yandex.ru", "yandex.net", "ya.ru"],
    },
    Provider {
        name: "Mail.ru",
        secret: "a password for external applications",
        page: "https://account.mail.ru/user/2-step-auth/passwords",
        domains: &["mail.ru", "bk.ru", "inbox.ru", "list.ru"],
    },
    Provider {
        name: "Telekom",
        secret: "the separate password for mail programs",
        page: "https://account.idm.telekom.com",
        domains: &["t-online.de", "magenta.de"],
    },
    Provider {
        name: "GMX",
        secret: "an application-specific password, when two-factor login is on; access by POP3 and IMAP must be switched on",
        page: "https://hilfe.gmx.net/pop-imap/einschalten.html",
        domains: &["gmx.net", "gmx.de", "gmx.at", "gmx.ch", "gmx.com"],
    },
    Provider {
        name: "WEB.DE",
        secret: "an application-specific password, when two-factor login is on; access by POP3 and IMAP must be switched on",
        page: "https://hilfe.web.de/pop-imap/einschalten.html",
        domains: &["web.de"],
    },
    Provider {
        name: "Naver",
        secret: "an application password, when two-step login is on; SMTP must be switched on in the mail settings",
        page: "https://mail.naver.com",
        domains: &["naver.com"],
    },
];

/// The provider that runs `host`, or the one of the mailbox `user`.
pub(super) fn of(host: &str, user: Option<&str>) -> Option<&'static Provider> {
    let within = |name: &str, domain: &str| {
        let front = name.len().checked_sub(domain.len());
        front.and_then(|at| name.get(at..)).is_some_and(|tail| tail.eq_ignore_ascii_case(domain))
            && front.is_some_and(|at| at == 0 || name.as_bytes()[at - 1] == b'.')
    };
    let find = |name: &str| PROVIDERS.iter().find(|p| p.domains.iter().any(|domain| within(name, domain)));
    let mailbox = || user.and_then(|user| user.rsplit_once('@')).and_then(|(_, domain)| find(domain));
    find(host.trim_end_matches('.')).or_else(mailbox)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_by_host_or_mailbox() {
        assert_eq!(of("smtp.GMAIL.com", None).unwrap().name, "Gmail");
        assert_eq!(of("smtp.example.com", Some("me@icloud.com")).unwrap().name, "iCloud");
        assert!(of("notgmail.com", Some("me")).is_none());
        assert!(of("", None).is_none());
    }
}
