/// One server of an SMTP object: where it is, how it is protected, who logs in.

#ifndef FREESMTP_SERVER_HPP
#define FREESMTP_SERVER_HPP

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "collection.hpp"
#include "error.hpp"
#include "handle.hpp"
#include "token.hpp"

namespace freesmtp {

/// How to log in.
enum class SMTPAuthMode {
    None = FREESMTP_AUTH_MODE_NONE,  ///< No login, even when an account is set.
    AuthLogin = FREESMTP_AUTH_MODE_AUTH_LOGIN,  ///< The LOGIN mechanism.
    CramMD5 = FREESMTP_AUTH_MODE_CRAM_MD5,  ///< RFC 2195.
    SASL = FREESMTP_AUTH_MODE_SASL,  ///< The strongest mechanism offered, or the one named in SASL.
    Plain = FREESMTP_AUTH_MODE_PLAIN,  ///< The PLAIN mechanism (RFC 4616).
    DigestMD5 = FREESMTP_AUTH_MODE_DIGEST_MD5,  ///< RFC 2831.
    ScramSHA1 = FREESMTP_AUTH_MODE_SCRAM_SHA1,  ///< RFC 5802.
    ScramSHA256 = FREESMTP_AUTH_MODE_SCRAM_SHA256,  ///< RFC 7677.
    ScramSHA512 = FREESMTP_AUTH_MODE_SCRAM_SHA512,
    ScramMD5 = FREESMTP_AUTH_MODE_SCRAM_MD5,  ///< For servers that have nothing else; never chosen unasked.
    NTLM = FREESMTP_AUTH_MODE_NTLM,  ///< Version 2 (MS-NLMP).
    XOAuth2 = FREESMTP_AUTH_MODE_XOAUTH2,  ///< With Token.
    OAuthBearer = FREESMTP_AUTH_MODE_OAUTHBEARER,  ///< RFC 7628; with Token.
    External = FREESMTP_AUTH_MODE_EXTERNAL,  ///< The server knows the client from its certificate (RFC 4422).
    Anonymous = FREESMTP_AUTH_MODE_ANONYMOUS,  ///< RFC 4505; Account is sent as the trace.
    Auto = FREESMTP_AUTH_MODE_AUTO,  ///< The strongest mechanism offered, when an account or a token is set.
};

/// How the connection is protected.
enum class SMTPSecurity {
    None = FREESMTP_SECURITY_NONE,                    ///< Clear text, even when STARTTLS is offered.
    Opportunistic = FREESMTP_SECURITY_OPPORTUNISTIC,  ///< STARTTLS when it is offered, else clear text.
    Required = FREESMTP_SECURITY_REQUIRED,            ///< STARTTLS, or the send fails (RFC 3207).
    Implicit = FREESMTP_SECURITY_IMPLICIT,            ///< TLS from the first byte (RFC 8314, port 465).
    Auto = FREESMTP_SECURITY_AUTO,                    ///< Chosen from port, account and host.
};

/// Oldest TLS version accepted.
enum class TlsVersion {
    Tls10 = FREESMTP_MIN_TLS_VERSION_TLS10,  ///< Only for servers that cannot be mended.
    Tls11 = FREESMTP_MIN_TLS_VERSION_TLS11,  ///< Only for servers that cannot be mended.
    Tls12 = FREESMTP_MIN_TLS_VERSION_TLS12,
};

/// Where to send, and how. Checked when it is used.
class SMTPServer {
public:
    /// A host name or address literal; everything else at its default.
    explicit SMTPServer(std::string HostName = {}) : Name(std::move(HostName)) {}

    /// Reads a host name, `host:port`, or a URL such as `smtps://user:password@host:465`.
    static SMTPServer Parse(const std::string &url) {
        freesmtp_server *parsed = nullptr;
        detail::check(freesmtp_server_parse_n(url.data(), url.size(), &parsed));
        SMTPServer server;
        server.parsed_.reset(parsed, detail::Deleter<&freesmtp_server_free>());
        server.Name = detail::take(&freesmtp_server_name, parsed);
        server.Port = freesmtp_server_port(parsed);
        server.Lmtp = freesmtp_server_lmtp(parsed);
        server.Account = detail::take(&freesmtp_server_account, parsed);
        server.Security = static_cast<SMTPSecurity>(freesmtp_server_security(parsed));
        return server;
    }

    /// Host name or address literal: `mail.example.com`, `192.0.2.1`, `::1`; or the path of a Unix-domain socket:
    /// `unix:/run/dovecot/lmtp`.
    std::string Name;
    /// TCP port; 0 means 465 for implicit TLS, 587 when an account is set, else 25.
    int Port = 0;
    /// The server speaks LMTP (RFC 2033), as mailbox servers do: it answers for each recipient after the
    /// message.
    bool Lmtp = false;
    /// Limit for each phase in seconds; none: those of the SMTP object.
    std::optional<double> Timeout;
    /// How to log in.
    SMTPAuthMode AuthMode = SMTPAuthMode::Auto;
    /// User name; empty means no login.
    std::string Account;
    /// None: that of the URL, if the server was made of one.
    std::optional<std::string> Password;
    /// The SASL mechanism to use with SMTPAuthMode::SASL; empty for the strongest offered.
    std::string SASL;
    /// OAuth access token, or a function that gets one: `server.Token = [](bool refresh) { return … }`. It goes before
    /// the password.
    freesmtp::Token Token;
    /// The `AUTH=` parameter of MAIL (RFC 4954 section 5): the mailbox of whoever submitted the message first, empty
    /// when nobody is known (`<>`). None: no parameter is sent.
    std::optional<std::string> MailAuth;
    /// The proxy that connects to the server, and looks its name up: `socks5://user:password@host:1080`,
    /// `socks5h://host`, `http://host:3128`; empty for none. User and password are percent-encoded.
    std::string Proxy;
    /// Local address to connect from; empty for any.
    std::string LocalEndPoint;
    /// How the connection is protected.
    SMTPSecurity Security = SMTPSecurity::Auto;
    /// PEM file of authorities to trust besides those of the system; empty for none.
    std::string CaFile;
    /// Authorities to trust besides those of the system, as the text of a PEM file; empty for none.
    std::string CaPem;
    /// Client certificate: a PEM file, with intermediate certificates behind it; or a PKCS#12 file. Empty for none.
    std::string ClientCertificate;
    /// Private key of the client certificate: a PEM file, PKCS#8, not encrypted; empty when it is in the file of the
    /// certificate.
    std::string ClientKey;
    /// Password of a PKCS#12 file in ClientCertificate.
    std::string ClientCertificatePassword;
    /// Certificates that the server may have; empty for any that is valid. SHA-256 in hexadecimal or base64:
    /// `sha256/…` of the public key (RFC 7469), `cert-sha256:…` of the certificate, without a prefix either of them.
    /// A pin replaces no other check, unless DangerAcceptInvalidCerts turns them off.
    std::vector<std::string> CertificatePins;
    /// The name that the certificate must be for; empty means Name.
    std::string TlsServerName;
    /// Oldest TLS version accepted.
    TlsVersion MinTlsVersion = TlsVersion::Tls12;
    /// Password and token may be sent in clear text, where they can be read on the way.
    bool AllowPlaintextAuth = false;
    /// EHLO keywords to ignore, for a server that offers what it can't do.
    std::vector<std::string> DisabledExtensions;
    /// Takes any certificate: whoever is on the way can read and change everything.
    bool DangerAcceptInvalidCerts = false;
    /// Takes a certificate for any name: whoever has a certificate can be on the way.
    bool DangerAcceptInvalidHostnames = false;

    /// The same server for the C library.
    detail::ServerHandle Build() const {
        detail::ServerHandle handle(parsed_ ? freesmtp_server_clone(parsed_.get()) : freesmtp_server_new());
        freesmtp_server *const to = handle.get();
        const auto set = [to](auto setter, const std::string &text) {
            detail::check(setter(to, text.data(), text.size()));
        };
        set(freesmtp_server_set_name_n, Name);
        detail::check(freesmtp_server_set_port(to, Port));
        detail::check(freesmtp_server_set_lmtp(to, Lmtp));
        if (Timeout)
            detail::check(freesmtp_server_set_timeout(to, *Timeout));
        detail::check(freesmtp_server_set_auth_mode(to, static_cast<int>(AuthMode)));
        set(freesmtp_server_set_account_n, Account);
        if (Password)
            set(freesmtp_server_set_password_n, *Password);
        set(freesmtp_server_set_sasl_n, SASL);
        Token.GiveTo(to);
        if (MailAuth)
            set(freesmtp_server_set_mail_auth_n, *MailAuth);
        set(freesmtp_server_set_proxy_n, Proxy);
        set(freesmtp_server_set_local_end_point_n, LocalEndPoint);
        detail::check(freesmtp_server_set_security(to, static_cast<int>(Security)));
        set(freesmtp_server_set_ca_file_n, CaFile);
        set(freesmtp_server_set_ca_pem_n, CaPem);
        set(freesmtp_server_set_client_certificate_n, ClientCertificate);
        set(freesmtp_server_set_client_key_n, ClientKey);
        set(freesmtp_server_set_client_certificate_password_n, ClientCertificatePassword);
        for (const std::string &pin : CertificatePins)
            set(freesmtp_server_add_certificate_pin_n, pin);
        set(freesmtp_server_set_tls_server_name_n, TlsServerName);
        detail::check(freesmtp_server_set_min_tls_version(to, static_cast<int>(MinTlsVersion)));
        detail::check(freesmtp_server_set_allow_plaintext_auth(to, AllowPlaintextAuth));
        for (const std::string &keyword : DisabledExtensions)
            set(freesmtp_server_add_disabled_extension_n, keyword);
        detail::check(freesmtp_server_set_danger_accept_invalid_certs(to, DangerAcceptInvalidCerts));
        detail::check(freesmtp_server_set_danger_accept_invalid_hostnames(to, DangerAcceptInvalidHostnames));
        return handle;
    }

private:
    /// What a URL was read into: the C library gives no password back.
    std::shared_ptr<freesmtp_server> parsed_;
};

/// `SMTPServers` of an SMTP object, tried in order.
class SMTPServerCollection : public Collection<SMTPServer> {
public:
    using Collection::Add;
    /// Adds a server, and gives it back.
    SMTPServer &Add(std::string Name) { return Add(SMTPServer(std::move(Name))); }
    /// The same with its port.
    SMTPServer &Add(std::string Name, int Port) {
        SMTPServer &server = Add(std::move(Name));
        server.Port = Port;
        return server;
    }
    /// The same with a limit for each phase, in seconds.
    SMTPServer &Add(std::string Name, int Port, double Timeout) {
        SMTPServer &server = Add(std::move(Name), Port);
        server.Timeout = Timeout;
        return server;
    }
    /// The same with a login.
    SMTPServer &Add(std::string Name, int Port, double Timeout, SMTPAuthMode AuthMode, std::string Account,
                    std::string Password) {
        SMTPServer &server = Add(std::move(Name), Port, Timeout);
        server.AuthMode = AuthMode;
        server.Account = std::move(Account);
        server.Password = std::move(Password);
        return server;
    }
};

}  // namespace freesmtp

#endif
