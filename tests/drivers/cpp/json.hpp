// Printing an answer of tests/drivers/README.md.

#ifndef JSON_HPP
#define JSON_HPP

#include <cstdint>
#include <cstdio>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include <freesmtp.hpp>

namespace json {

inline std::string Write(const std::string &text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            char escape[8];
            std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
            out += escape;
        } else {
            out += c;
        }
    }
    return out + '"';
}

inline std::string Write(bool value) { return value ? "true" : "false"; }
inline std::string Write(int value) { return std::to_string(value); }
inline std::string Write(std::uint64_t value) { return std::to_string(value); }
inline std::string Write(std::int64_t value) { return std::to_string(value); }
inline std::string Write(double value) { return std::to_string(static_cast<std::int64_t>(value)); }

std::string Write(const freesmtp::Diagnosis &diagnosis);
std::string Write(const freesmtp::RecipientResult &recipient);
std::string Write(const freesmtp::TlsInfo &tls);
std::string Write(const freesmtp::CheckFact &fact);
std::string Write(const freesmtp::CheckStep &step);

template <class T>
std::string Write(const std::optional<T> &value) {
    return value ? Write(*value) : "null";
}

template <class T>
std::string Write(const std::vector<T> &values) {
    std::string out = "[";
    for (const T &value : values)
        out += (out.size() > 1 ? "," : "") + Write(value);
    return out + ']';
}

/// An object, member by member.
class Object {
public:
    template <class T>
    Object &Put(const std::string &key, const T &value) {
        return Raw(key, Write(value));
    }
    Object &Raw(const std::string &key, const std::string &value) {
        text_ += (text_.empty() ? "\"" : ",\"") + key + "\":" + value;
        return *this;
    }
    std::string Text() const { return '{' + text_ + '}'; }

private:
    std::string text_;
};

inline std::string Write(const freesmtp::Diagnosis &diagnosis) {
    return Object()
        .Put("cause", diagnosis.Cause)
        .Put("who", diagnosis.Who)
        .Put("summary", diagnosis.Summary)
        .Put("remedy", diagnosis.Remedy)
        .Put("evidence", diagnosis.Evidence)
        .Put("retry_after", diagnosis.RetryAfter)
        .Put("reference", diagnosis.Reference)
        .Text();
}

inline std::string Write(const freesmtp::RecipientResult &recipient) {
    return Object()
        .Put("email", recipient.Email)
        .Put("status", recipient.StatusName)
        .Put("stage", recipient.Stage)
        .Put("reply_code", recipient.ReplyCode)
        .Put("enhanced_code", recipient.EnhancedCode)
        .Put("reply_text", recipient.ReplyText)
        .Put("diagnosis", recipient.Diagnosis)
        .Text();
}

inline std::string Write(const freesmtp::TlsInfo &tls) {
    return Object()
        .Put("version", tls.Version)
        .Put("cipher", tls.Cipher)
        .Put("certificate_subject", tls.CertificateSubject)
        .Put("certificate_not_after", tls.CertificateNotAfter)
        .Text();
}

inline std::string Write(const freesmtp::CheckFact &fact) {
    return Object().Put("name", fact.Name).Put("value", fact.Value).Text();
}

inline std::string Write(const freesmtp::CheckStep &step) {
    return Object()
        .Put("name", step.Name)
        .Put("status", step.Status)
        .Put("summary", step.Summary)
        .Put("is_temporary", step.IsTemporary)
        .Put("facts", step.Facts)
        .Put("diagnosis", step.Diagnosis)
        .Text();
}

inline void PrintEnd() { std::cout << Object().Put("end", true).Text() << std::endl; }

/// What every answer begins with; only those of a bulk have an index.
inline Object Begin(bool ok, const std::string &at, int sends, std::optional<std::size_t> index) {
    Object answer;
    answer.Put("ok", ok).Put("at", at).Put("sends", sends);
    if (index)
        answer.Put("index", static_cast<std::uint64_t>(*index));
    return answer;
}

inline void Print(const freesmtp::Report &report, const std::string &at, int sends,
                  std::optional<std::size_t> index = {}) {
    const std::string body = Object()
                                 .Put("recipients", report.Recipients)
                                 .Put("reply_code", report.ReplyCode)
                                 .Put("reply_text", report.ReplyText)
                                 .Put("message_id", report.MessageID)
                                 .Put("size", report.Size)
                                 .Put("server", report.Server)
                                 .Put("tls", report.Tls)
                                 .Put("auth_mechanism", report.AuthMechanism)
                                 .Put("warnings", report.Warnings)
                                 .Text();
    std::cout << Begin(true, at, sends, index).Raw("report", body).Text() << std::endl;
}

/// Of messages that the spool has taken.
inline void Print(const std::vector<std::string> &ids, const std::string &at) {
    std::cout << Begin(true, at, 0, {}).Put("ids", ids).Text() << std::endl;
}

/// What a diagnosis says.
inline std::vector<std::string> Told(const freesmtp::Diagnosis &diagnosis) {
    return {diagnosis.Cause, diagnosis.Who, diagnosis.Summary, diagnosis.Remedy, diagnosis.Evidence};
}

/// What a call gave as texts.
inline void PrintTold(const std::vector<std::string> &told, const std::string &at) {
    std::cout << Begin(true, at, 0, {}).Put("told", told).Text() << std::endl;
}

inline void Print(const freesmtp::SMTPError &error, const std::string &at, std::optional<std::size_t> index = {}) {
    const std::string body = Object()
                                 .Put("kind", error.KindName())
                                 .Put("number", static_cast<int>(error.Kind()))
                                 .Put("stage", error.Stage())
                                 .Put("field", error.Field())
                                 .Put("message", error.Message())
                                 .Put("reply_code", error.ReplyCode())
                                 .Put("enhanced_code", error.EnhancedCode())
                                 .Put("reply_text", error.ReplyText())
                                 .Put("server", error.Server())
                                 .Put("is_temporary", error.IsTemporary())
                                 .Put("message_id", error.MessageID())
                                 .Put("recipients", error.Recipients())
                                 .Put("diagnosis", error.Diagnosis())
                                 .Put("transcript", error.Transcript())
                                 .Text();
    std::cout << Begin(false, at, 0, index).Raw("error", body).Text() << std::endl;
}

inline void Print(const freesmtp::CheckReport &report) {
    const std::string body = Object()
                                 .Put("server", report.Server)
                                 .Put("status", report.Status)
                                 .Put("summary", report.Summary)
                                 .Put("is_temporary", report.IsTemporary)
                                 .Put("steps", report.Steps)
                                 .Put("warnings", report.Warnings)
                                 .Put("transcript", report.Transcript)
                                 .Put("text", report.Text)
                                 .Text();
    std::cout << Object().Put("ok", true).Put("at", std::string("check")).Put("sends", 0).Raw("check", body).Text()
              << std::endl;
}

}  // namespace json

#endif
