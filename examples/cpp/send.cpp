// Sends one message and writes the conversation to a log.
//
//     send [server] [log file]
//
// The server is a host name, `host:port` or a URL such as `smtps://user:password@mail.example.com:465`.

#include <cstdlib>
#include <freesmtp.hpp>
#include <iostream>

using namespace freesmtp;

int main(int argc, char **argv) {
    try {
        SMTP smtp(argc > 1 ? argv[1] : "localhost:2525");
        // A path of Windows; elsewhere it is a file of that name in the working folder.
        smtp.LogFile="c:\\smtp log.txt";
        if (argc > 2)
            smtp.LogFile = argv[2];

        EmailMessage message;
        message.From.Email = "sender@example.com";
        message.Recipients.Add("recipient@example.org", "Zoë", RecipientType::To);
        message.Subject = "Hello from C++";
        message.BodyParts.Add("Hello, world.\n");

        const Report report = smtp.Send(message);
        std::cout << "taken by " << report.Server << ": " << report.ReplyText << '\n';
    } catch (const SMTPError &error) {
        std::cerr << error.what() << '\n';  // what failed, why, and what to do
        return EXIT_FAILURE;
    }
}
