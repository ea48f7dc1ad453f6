// Hands a blast of messages over to the agent through the spool, and returns at once.
//
//     spool [messages] [blast] [spool]
//
// `freesmtp agent` delivers them in the background; `freesmtp blast status <blast> --watch` shows how far it is. Without
// a spool it is $FREESMTP_SPOOL, or the usual folder.

#include <chrono>
#include <cstdlib>
#include <freesmtp.hpp>
#include <iostream>
#include <string>
#include <vector>

using namespace freesmtp;

int main(int argc, char **argv) {
    try {
        SMTP smtp;
        if (argc > 3)
            smtp.SpoolPath = argv[3];

        std::vector<EmailMessage> messages;
        const int wanted = argc > 1 ? std::atoi(argv[1]) : 3;
        for (int reader = 0; reader < wanted; ++reader) {
            messages.emplace_back("reader" + std::to_string(reader) + "@example.org", "news@example.com",
                                  "News from C++", "Nothing happened.\n");
            messages.back().Blast = argc > 2 ? argv[2] : "newsletter";
        }

        // One sync of the disk for all: each of them is durable, or there is an exception and none of them is delivered.
        const auto begun = std::chrono::steady_clock::now();
        const std::vector<std::string> ids = smtp.SubmitBulk(messages);
        const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begun;
        std::cout << ids.size() << " messages are in the spool after " << taken.count() << " s; the first is "
                  << (ids.empty() ? "none" : ids.front()) << '\n';
        return EXIT_SUCCESS;
    } catch (const SMTPError &error) {
        std::cerr << error.what() << '\n';  // what failed, why, and what to do
        return EXIT_FAILURE;
    }
}
