// Handing messages over to the spool, from C++. The folder is the argument; it does not exist yet.

#include <freesmtp.hpp>
#include <iostream>

#include "check.h"

using namespace freesmtp;

int main(int argc, char **argv) {
    CHECK(argc == 2);
    SMTP smtp;
    CHECK(smtp.SpoolPath().empty() && smtp.SpoolDurability == Durability::Full);
    smtp.SpoolPath = argv[1];
    smtp.SpoolDurability = Durability::Batch;
    CHECK(smtp.SpoolPath() == argv[1] && smtp.SpoolDurability == Durability::Batch);

    EmailMessage message("recipient@example.org", "sender@example.com", "Report", "Text");
    message.NotBefore = Moment(2000000000);
    message.Expires = Moment(2000000001);
    message.SpoolPriority = -9;
    message.Blast = "News";
    message.IdempotencyKey = "key";
    const std::string id = smtp.SubmitToSpool(message);
    CHECK(id.size() == 26 && smtp.SubmitToExpress(message, argv[1]).size() == 26);
    smtp.SyncSpool();
    const std::vector<EmailMessage> messages{message, message};
    const std::vector<std::string> ids = smtp.SubmitBulk(messages);
    CHECK(ids.size() == 2 && ids[0] != ids[1] && smtp.SubmitBulk(std::vector<EmailMessage>()).empty());
    CHECK(smtp.SubmitBulk(messages, argv[1]).size() == 2);

    message.SpoolPriority = 10;
    try {
        smtp.SubmitToSpool(message);
        CHECK(!"refused");
    } catch (const MessageError &error) {
        CHECK(error.Field() == "SpoolPriority");
    }
    try {
        smtp.SubmitToSpool(messages[0], "/dev/null/spool");
        CHECK(!"refused");
    } catch (const SpoolError &error) {
        CHECK(error.Field() == "SpoolPath");
    }
    std::cout << id << '\n' << ids[0] << '\n' << ids[1] << '\n';
}
