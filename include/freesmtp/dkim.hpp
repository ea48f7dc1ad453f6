/// DKIM signatures (RFC 6376).

#ifndef FREESMTP_DKIM_HPP
#define FREESMTP_DKIM_HPP

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "error.hpp"
#include "handle.hpp"

namespace freesmtp {

/// How much may change on the way without breaking a signature (RFC 6376 section 3.4).
enum class Canonicalization {
    Simple = FREESMTP_CANONICALIZATION_SIMPLE,    ///< Nothing but empty lines at the end of the body.
    Relaxed = FREESMTP_CANONICALIZATION_RELAXED,  ///< White space, and the case of header names.
};

/// One signature: whose it is, the key, and what it covers. Copies share the key until they are changed.
class DkimSigner {
public:
    /// Signs all headers that readers show. The DNS of the domain has the public key at `Selector._domainkey.Domain`.
    /// `Key` is PEM text: PKCS#1, or PKCS#8 with an RSA or an Ed25519 key; or the 32 bytes of an Ed25519 key in base64.
    DkimSigner(const std::string &Domain, const std::string &Selector, const std::string &Key) {
        freesmtp_signer *made = nullptr;
        detail::check(freesmtp_signer_new_n(Domain.data(), Domain.size(), Selector.data(), Selector.size(), Key.data(),
                                            Key.size(), &made));
        handle_ = std::shared_ptr<freesmtp_signer>(made, detail::Deleter<&freesmtp_signer_free>());
    }

    /// On whose behalf it signs (`i=`): `local@domain` or `@domain`, in the domain or under it; none: not said.
    std::optional<std::string> Identity;
    /// After how many seconds the signature is void (`x=`); 0: never.
    std::uint32_t ExpiresAfter = 0;
    /// How much the headers may change on the way.
    Canonicalization HeaderCanonicalization = Canonicalization::Relaxed;
    /// How much the body may change on the way.
    Canonicalization BodyCanonicalization = Canonicalization::Relaxed;

private:
    friend class EmailMessage;

    /// Signs `message`.
    void AddTo(freesmtp_message *message) const {
        const detail::SignerHandle signer(freesmtp_signer_clone(handle_.get()));
        if (Identity)
            detail::check(freesmtp_signer_set_identity_n(signer.get(), Identity->data(), Identity->size()));
        detail::check(freesmtp_signer_set_expires_after(signer.get(), ExpiresAfter));
        detail::check(freesmtp_signer_set_canonicalization(signer.get(), static_cast<int>(HeaderCanonicalization),
                                                           static_cast<int>(BodyCanonicalization)));
        detail::check(freesmtp_message_add_signer(message, signer.get()));
    }

    std::shared_ptr<const freesmtp_signer> handle_;
};

}  // namespace freesmtp

#endif
