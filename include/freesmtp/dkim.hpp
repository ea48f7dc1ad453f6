/// DKIM signatures (RFC 6376).

#ifndef FREESMTP_DKIM_HPP
#define FREESMTP_DKIM_HPP

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

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
        Headers = Names(freesmtp_signer_header_count(made), &freesmtp_signer_header);
        Oversigned = Names(freesmtp_signer_oversigned_count(made), &freesmtp_signer_oversigned);
    }

    /// The domain that signs (`d=`), in ASCII.
    std::string Domain() const { return detail::take(&freesmtp_signer_domain, handle_.get()); }
    /// Which of the domain's keys it is (`s=`).
    std::string Selector() const { return detail::take(&freesmtp_signer_selector, handle_.get()); }
    /// `rsa-sha256` or `ed25519-sha256`, as the key is (`a=`).
    std::string Algorithm() const { return detail::take(&freesmtp_signer_algorithm, handle_.get()); }

    /// On whose behalf it signs (`i=`): `local@domain` or `@domain`, in the domain or under it; none: not said.
    std::optional<std::string> Identity;
    /// After how many seconds the signature is void (`x=`); 0: never.
    std::uint32_t ExpiresAfter = 0;
    /// The headers to sign, each as often as it occurs; `From` has to be among them. At first all that readers show,
    /// answer to or act on.
    std::vector<std::string> Headers;
    /// The headers that nobody can add later without breaking the signature (RFC 6376 section 8.15). At first those of
    /// which readers would show the added one.
    std::vector<std::string> Oversigned;
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
        Set(&freesmtp_signer_set_headers_n, signer.get(), Headers);
        Set(&freesmtp_signer_set_oversigned_n, signer.get(), Oversigned);
        detail::check(freesmtp_message_add_signer(message, signer.get()));
    }

    /// The names of a list.
    std::vector<std::string> Names(std::size_t count,
                                   char *(*get)(const freesmtp_signer *, std::size_t, std::size_t *)) const {
        std::vector<std::string> names;
        for (std::size_t at = 0; at < count; at++) {
            std::size_t size = 0;
            const detail::Given name(get(handle_.get(), at, &size));
            names.emplace_back(name.get(), size);
        }
        return names;
    }

    /// Sets a list.
    static void Set(freesmtp_error *(*set)(freesmtp_signer *, const char *const *, const std::size_t *, std::size_t),
                    freesmtp_signer *signer, const std::vector<std::string> &names) {
        std::vector<const char *> texts;
        std::vector<std::size_t> sizes;
        for (const std::string &name : names) {
            texts.push_back(name.data());
            sizes.push_back(name.size());
        }
        detail::check(set(signer, texts.data(), sizes.data(), names.size()));
    }

    std::shared_ptr<const freesmtp_signer> handle_;
};

}  // namespace freesmtp

#endif
