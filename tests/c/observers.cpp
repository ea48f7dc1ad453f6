/* The events of sending, from C++: what they throw stops nothing; and a merge into a spool. The arguments are a server as for
 * observers.c, and a folder for a spool. */

#include <freesmtp.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "check.h"

using namespace freesmtp;

namespace {

void EventsAreHeard(const char *url) {
    SMTP smtp(url);
    std::vector<std::pair<std::uint64_t, std::uint64_t>> statuses;
    std::vector<std::string> failed;
    std::vector<std::size_t> sent;
    const auto held = std::make_shared<int>(0);
    smtp.SMTPStatus = [&, held](std::uint64_t TotalSent, std::uint64_t TotalSize) {
        statuses.emplace_back(TotalSent, TotalSize);
        throw std::runtime_error("mine");
    };
    smtp.SMTPRecipientFailed = [&, held](const std::string &EmailAddress, const std::string &Response) {
        failed.push_back(EmailAddress + ": " + Response);
        throw 5;
    };
    smtp.SMTPBulkStatus = [&, held](std::size_t TotalSent, std::size_t TotalFailed, std::size_t TotalMessages) {
        sent.push_back(TotalSent);
        CHECK(TotalMessages >= TotalSent + TotalFailed);
    };
    SMTP moved;
    moved = std::move(smtp);

    EmailMessage message("foreign@e.test", "a@b.test", "Hello", "Hello");
    message.Recipients.Add("good@e.test");
    const Report report = moved.Send(message);
    CHECK(!statuses.empty() && statuses.back().first == report.Size && statuses.back().second == report.Size);
    CHECK(failed.size() == 1 && failed[0] == "foreign@e.test: 550 5.1.1 no such user" && sent.empty());

    const std::vector<EmailMessage> three(3, EmailMessage("d@e.test", "a@b.test", "Hello", "Hello"));
    std::size_t results = 0;
    moved.SendBulk(three, [&](const BulkResult &) { CHECK(sent.size() > results++); });
    CHECK(results == 3 && sent.size() == 3 && sent.back() == 2 && failed.size() == 2);

    moved.SMTPStatus = nullptr;
    moved.SMTPRecipientFailed = nullptr;
    moved.SMTPBulkStatus = nullptr;
    CHECK(held.use_count() == 1);
}

void RowsAreSubmittedAllOrNone(const std::string &folder) {
    const MergeTemplate news(EmailMessage("{{ email }}", "c@d.test", "News", "Hello"));
    SMTP smtp;
    smtp.SpoolPath = folder;
    std::vector<MergeRow> rows = {{{"email", "a@b.test"}}, {}};
    try {
        smtp.SubmitBulkMerge(news, rows);
        CHECK(!"thrown");
    } catch (const MessageError &error) {
        CHECK(error.Field() == "Recipients[0].Email");
    }
    rows[1] = {{"email", "e@f.test"}};
    const std::vector<std::string> ids = smtp.SubmitBulkMerge(news, rows);
    CHECK(ids.size() == 2 && ids[0].size() == 26 && ids[0] != ids[1]);
}

}  // namespace

int main(int argc, char **argv) {
    CHECK(argc == 3);
    EventsAreHeard(argv[1]);
    RowsAreSubmittedAllOrNone(argv[2]);
    return 0;
}
