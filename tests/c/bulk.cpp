// SendBulk over ranges of all kinds, and what is thrown in it. The argument is a server that takes the first and the
// third of three messages; then two connections that take one message and fall silent, one that takes one
// message, and one that takes two.

#include <array>
#include <freesmtp.hpp>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "check.h"

using namespace freesmtp;

namespace {

EmailMessage Message(const std::string &subject) { return EmailMessage("a@b.test", "c@d.test", subject, "Hello"); }

/// Makes each message when it is asked for, and may throw instead.
struct Endless {
    struct End {};
    struct Iterator {
        Endless *range;
        Iterator &operator++() {
            ++range->place;
            return *this;
        }
        EmailMessage operator*() const {
            if (range->place == range->broken)
                throw std::out_of_range("no more paper");
            ++range->made;
            return Message(std::to_string(range->place));
        }
        bool operator!=(End) const { return true; }
    };
    Iterator begin() { return {this}; }
    End end() const { return {}; }

    int broken = -1, place = 0, made = 0;
};

void NothingIsSent(const char *url) {
    int results = 0;
    const SMTP smtp(url);
    const std::array<EmailMessage, 0> none{};
    smtp.SendBulk(none, [&](const BulkResult &) { ++results; });
    // What is not valid reaches no server, either.
    EmailMessage broken[] = {Message("\xff"), Message("\xff")};
    smtp.SendBulk(broken, [&](const BulkResult &sent) {
        CHECK(!sent && sent.Error->Kind() == ErrorKind::Message);
        return ++results < 1;
    });
    CHECK(results == 1);
}

void OneFailureStopsNoOther(const char *url) {
    std::map<std::size_t, BulkResult> results;
    const auto here = std::this_thread::get_id();
    const SMTP smtp(url);
    smtp.SendBulk(
        std::vector<EmailMessage>{Message("\xff"), Message("1"), Message("\xff"), Message("3"), Message("4")},
        [&](const BulkResult &sent) {
            CHECK(std::this_thread::get_id() == here);
            CHECK(results.emplace(sent.Index, sent).second);
            CHECK(sent.Report.has_value() != sent.Error.has_value());
        });
    CHECK(results.size() == 5);
    CHECK(results.at(0).Error->Field() == "subject" && results.at(2).Error->Field() == "subject");
    CHECK(results.at(1).Report->ReplyText == "2.0.0 queued as 1");
    CHECK(results.at(3).Error->Kind() == ErrorKind::RecipientsRefused);
    CHECK(results.at(4).Report->ReplyText == "2.0.0 queued as 3");
}

void ItStopsWhenItIsToldTo(const char *url) {
    Endless range;
    int results = 0;
    auto once = [&](const BulkResult &sent) -> bool {
        CHECK(sent && sent.Index == 0);
        ++results;
        return false;
    };
    SMTP(url).SendBulk(range, once);
    CHECK(results == 1 && range.made > 1 && range.made < 1000);
}

void WhatTheCallbackThrowsComesOut(const char *url) {
    int results = 0;
    try {
        SMTP(url).SendBulk(Endless(), [&](const BulkResult &) {
            ++results;
            throw 42;
        });
        CHECK(!"thrown");
    } catch (int thrown) {
        CHECK(thrown == 42 && results == 1);
    }
}

void WhatTheRangeThrowsComesOut(const char *url) {
    Endless range;
    range.broken = 1;
    try {
        SMTP(url).SendBulk(range, [](const BulkResult &) { CHECK(!"called"); });
        CHECK(!"thrown");
    } catch (const std::out_of_range &error) {
        CHECK(std::string(error.what()) == "no more paper" && range.made == 1);
    }
}

void ARowThatLacksAFieldHasItsOwnResult(const char *url) {
    const MergeTemplate news(EmailMessage("{{ email }}", "c@d.test", "News", "Hello"));
    const std::vector<MergeRow> rows = {{{"email", "a@b.test"}}, {}, {{"email", "e@f.test"}}};
    std::map<std::size_t, BulkResult> results;
    SMTP(url).SendBulkMerge(news, rows, [&](const BulkResult &sent) { results.emplace(sent.Index, sent); });
    CHECK(results.size() == 3 && results[0] && results[2] && !results[1]);
    CHECK(results[2].Report->Recipients[0].Email == "e@f.test");
    CHECK(results[1].Error->Field() == "Recipients[0].Email");
}

}  // namespace

int main(int argc, char **argv) {
    CHECK(argc == 2);
    NothingIsSent(argv[1]);
    OneFailureStopsNoOther(argv[1]);
    ItStopsWhenItIsToldTo(argv[1]);
    WhatTheCallbackThrowsComesOut(argv[1]);
    WhatTheRangeThrowsComesOut(argv[1]);
    ARowThatLacksAFieldHasItsOwnResult(argv[1]);
}
