/// The values in the lines of a job.

#ifndef JOB_HPP
#define JOB_HPP

#include <cstdlib>
#include <deque>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace job {

[[noreturn]] inline void Fault(const std::string &what) {
    std::cerr << "job: " << what << '\n';
    std::exit(2);
}

inline std::string Unescape(const std::string &text) {
    static const std::map<char, char> escapes{{'n', '\n'}, {'r', '\r'}, {'t', '\t'}, {'0', '\0'}, {'\\', '\\'}};
    std::string out;
    for (auto at = text.begin(); at != text.end(); ++at) {
        if (*at != '\\') {
            out += *at;
            continue;
        }
        if (++at == text.end() || escapes.count(*at) == 0)
            Fault("unknown escape in " + text);
        out += escapes.at(*at);
    }
    return out;
}

inline std::vector<unsigned char> Base64(const std::string &text) {
    static const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::vector<unsigned char> out;
    unsigned bits = 0;
    int count = 0;
    for (const char c : text) {
        if (c == '=')
            break;
        const std::size_t digit = digits.find(c);
        if (digit == std::string::npos)
            Fault("not base64");
        bits = (bits << 6 | static_cast<unsigned>(digit)) & 0xffffff;
        if ((count += 6) >= 8)
            out.push_back(static_cast<unsigned char>(bits >> (count -= 8)));
    }
    return out;
}

inline bool Truth(const std::string &text) {
    if (text != "true" && text != "false")
        Fault("neither true nor false: " + text);
    return text == "true";
}

/// A number, read with one of the `std::sto…` functions.
template <class Read>
auto Numeric(const std::string &text, Read read) {
    std::size_t end = 0;
    try {
        const auto number = read(text, &end);
        if (end == text.size())
            return number;
    } catch (const std::logic_error &) {
    }
    Fault("not a number: " + text);
}

inline int Number(const std::string &text) {
    return Numeric(text, [](const std::string &from, std::size_t *end) { return std::stoi(from, end); });
}

inline double Decimal(const std::string &text) {
    return Numeric(text, [](const std::string &from, std::size_t *end) { return std::stod(from, end); });
}

template <class T>
T Named(const std::map<std::string, T> &names, const std::string &text) {
    const auto found = names.find(text);
    if (found == names.end())
        Fault("no such value: " + text);
    return found->second;
}

inline std::vector<std::string> Split(const std::string &text) {
    std::vector<std::string> parts;
    std::istringstream in(text);
    for (std::string part; std::getline(in, part, ',');)
        parts.push_back(part);
    return parts;
}

/// A token callback that answers with one token after the other.
inline std::function<std::string(bool)> Tokens(const std::string &text) {
    const std::vector<std::string> parts = Split(text);
    std::deque<std::string> tokens(parts.begin(), parts.end());
    return [tokens](bool) mutable {
        if (tokens.empty())
            throw std::runtime_error("no more tokens");
        const std::string token = tokens.front();
        tokens.pop_front();
        return token;
    };
}

/// Waits until somebody says something in that FIFO.
inline void Hear(const std::string &path) {
    std::ifstream fifo(path, std::ios::binary);
    if (!fifo)
        Fault("no such FIFO: " + path);
    fifo.get();
}

}  // namespace job

#endif
