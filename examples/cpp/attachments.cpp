// Sends a text in two forms, an image that the HTML shows, an attached file, and bytes from memory.
//
//     attachments [server] [file to attach] [image] [log]

#include <cstdlib>
#include <freesmtp.hpp>
#include <iostream>
#include <string>

using namespace freesmtp;

int main(int argc, char **argv) {
    try {
        EmailMessage message("recipient@example.org", "sender@example.com", "Figures for May",
                             "The figures are attached.\n");
        message.Recipients.Add("archive@example.com", "", RecipientType::BCC);
        message.BodyParts.Add(R"(<p>The figures are attached.</p><img src="cid:logo" alt="logo">)",
                              BodyPartFormat::HTML);
        message.EmbeddedObjects.Add(argc > 3 ? argv[3] : "logo.png", "logo");
        message.Attachments.Add(argc > 2 ? argv[2] : "report.pdf");
        const std::string csv = "month;sold\nmay;42\n";
        message.Attachments.Add(csv.data(), csv.size(), "may.csv");

        SMTP smtp(argc > 1 ? argv[1] : "localhost:2525");
        if (argc > 4)
            smtp.LogFile = argv[4];
        const Report report = smtp.Send(message);
        std::cout << report.Size << " bytes taken by " << report.Server << '\n';
    } catch (const SMTPError &error) {
        std::cerr << error.what() << '\n';
        return EXIT_FAILURE;
    }
}
