// Looks at a failure: its class, what the server said to each recipient, why, and what to do; then asks for the
// meaning of a reply that another program got.
//
//     errors [server]

#include <freesmtp.hpp>
#include <iostream>

using namespace freesmtp;

namespace {

void Show(const SMTPError &error) {
    for (const RecipientResult &recipient : error.Recipients())
        std::cout << "  " << recipient.Email << ": " << recipient.StatusName << ", " << recipient.ReplyCode << ' '
                  << recipient.ReplyText << '\n';
    if (error.Diagnosis())
        std::cout << error.Diagnosis()->Text << "\nwho must act: " << error.Diagnosis()->Who << '\n';
    if (error.IsTemporary())
        std::cout << "the same call may succeed later\n";
}

}  // namespace

int main(int argc, char **argv) {
    try {
        const Report report = SMTP::QuickSend(argc > 1 ? argv[1] : "localhost:2525", "recipient@foreign.example",
                                              "sender@example.com", "Hello", "Hello, world.\n");
        std::cout << "taken by " << report.Server << '\n';
    } catch (const SMTPRecipientsRefused &error) {
        std::cout << "no recipient was accepted\n";
        Show(error);
    } catch (const MessageError &error) {
        std::cout << "the message is not valid: " << error.Field().value_or("") << ' ' << error.Message() << '\n';
    } catch (const SMTPError &error) {
        std::cout << error.KindName() << " at " << error.Stage() << ": " << error.Message() << '\n';
        Show(error);
    }

    SessionContext context;
    context.Host = "mail.example.com";
    context.Offered = {"AUTH LOGIN PLAIN", "STARTTLS"};
    std::cout << Diagnose("550 5.7.1 Relaying denied", "RCPT", context).Text << '\n';
}
