/* Sends as many messages as it is told, one after the other, and prints what is resident after a tenth and at the end. */

#include <freesmtp.hpp>

#include <unistd.h>

#include <fstream>
#include <iostream>
#include <stdexcept>
#include <string>

using namespace freesmtp;

namespace {

long Resident() {
    long pages = 0, held = 0;
    std::ifstream("/proc/self/statm") >> pages >> held;
    return held * sysconf(_SC_PAGESIZE);
}

}  // namespace

int main(int argc, char **argv) {
    if (argc != 3)
        return 2;
    const long sends = std::stol(argv[2]);
    long whole = 0;
    SMTP smtp(argv[1]);
    smtp.SMTPStatus = [&](std::uint64_t TotalSent, std::uint64_t TotalSize) {
        whole += TotalSent == TotalSize;
        throw std::runtime_error("what a listener throws is lost");
    };
    for (long number = 1; number <= sends; ++number) {
        EmailMessage message("c@d.test", "a@b.test", "Number " + std::to_string(number), "text");
        smtp.Send(message);
        if (number % 100 == 0) {
            message.Subject = "a\nb";
            try {
                smtp.Send(message);
                return 3;
            } catch (const MessageError &) {
            }
        }
        if (number == sends / 10)
            std::cout << Resident() << std::endl;
    }
    std::cout << Resident() << std::endl;
    return whole == sends ? 0 : 4;
}
