/// Members that look like data and call the library.

#ifndef FREESMTP_PROPERTY_HPP
#define FREESMTP_PROPERTY_HPP

#include <ostream>

#include "../freesmtp.h"

namespace freesmtp {

class SMTP;

/// A property that can be read: `if (smtp.Connected)`.
template <class T, T (*Get)(const freesmtp_smtp *)>
class ReadOnlyProperty {
public:
    ReadOnlyProperty(const ReadOnlyProperty &) = delete;
    ReadOnlyProperty &operator=(const ReadOnlyProperty &) = delete;

    /// The value.
    T operator()() const { return Get(smtp_); }
    operator T() const { return Get(smtp_); }

    friend std::ostream &operator<<(std::ostream &out, const ReadOnlyProperty &property) { return out << property(); }

protected:
    friend class SMTP;
    explicit ReadOnlyProperty(freesmtp_smtp *smtp) : smtp_(smtp) {}

    freesmtp_smtp *smtp_;
};

/// A property that can be set too: `smtp.LogFile = "smtp log.txt"`. Setting it throws at once what is wrong.
template <class T, T (*Get)(const freesmtp_smtp *), void (*Set)(freesmtp_smtp *, const T &)>
class Property : public ReadOnlyProperty<T, Get> {
public:
    Property &operator=(const T &value) {
        Set(this->smtp_, value);
        return *this;
    }
    /// Takes over the value, like any other assignment.
    Property &operator=(const Property &other) { return *this = other(); }

private:
    friend class SMTP;
    using ReadOnlyProperty<T, Get>::ReadOnlyProperty;
};

}  // namespace freesmtp

#endif
