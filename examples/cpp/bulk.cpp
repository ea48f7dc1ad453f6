// Sends many messages over one connection and says what came of each.
//
//     bulk [server] [messages]
//
// The server is a host name, `host:port` or a URL such as `smtps://user:password@mail.example.com:465`.

#include <cstdlib>
#include <freesmtp.hpp>
#include <iostream>
#include <string>
#include <vector>

using namespace freesmtp;

int main(int argc, char **argv) {
    try {
        SMTP smtp(argc > 1 ? argv[1] : "localhost:2525");
        smtp.MaxConnections = 1;  // as it is at first; with more, the messages are shared out

        std::vector<EmailMessage> messages;
        const int wanted = argc > 2 ? std::atoi(argv[2]) : 3;
        for (int reader = 0; reader < wanted; ++reader)
            messages.emplace_back("reader" + std::to_string(reader) + "@example.org", "news@example.com",
                                  "News from C++", "Nothing happened.\n");

        int failed = 0;
        smtp.SendBulk(messages, [&](const BulkResult &sent) {
            if (!sent)
                ++failed;
            std::cout << sent.Index << ": " << (sent ? sent.Report->ReplyText : sent.Error->Message()) << '\n';
        });
        std::cout << failed << " of " << wanted << " failed\n";
        return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    } catch (const SMTPError &error) {
        std::cerr << error.what() << '\n';  // what failed, why, and what to do
        return EXIT_FAILURE;
    }
}
