/// freesmtp for C++17: compose a message, send it to an SMTP server, and know why when it fails.
///
///     freesmtp::SMTP smtp("mail.example.com");
///     smtp.LogFile = "smtp log.txt";
///
///     freesmtp::EmailMessage message;
///     message.From.Email = "sender@example.com";
///     message.Recipients.Add("recipient@example.org");
///     message.Subject = "Report";
///     message.BodyParts.Add("The report is attached.");
///     message.Attachments.Add("report.pdf");
///
///     try {
///         smtp.Send(message);
///     } catch (const freesmtp::SMTPError &error) {
///         std::cerr << error.what() << '\n';  // what failed, why, and what to do
///     }
///
/// Header-only over the C library: link with -lfreesmtp, or what `pkg-config --cflags --libs freesmtp` says.
/// The members carry the names of the original object API. Texts are UTF-8.
///
/// Messages and servers are values: plain data, checked when it is sent.
/// Every failure is an exception of type SMTPError or one derived from it.
///
/// Threads: const member functions of one object may run at the same time; others need the object for themselves.
/// So many threads may call Send of one SMTP object, each over a connection of its own.

#ifndef FREESMTP_HPP
#define FREESMTP_HPP

#include "freesmtp/agent.hpp"
#include "freesmtp/bulk.hpp"
#include "freesmtp/check.hpp"
#include "freesmtp/context.hpp"
#include "freesmtp/diagnosis.hpp"
#include "freesmtp/error.hpp"
#include "freesmtp/explain.hpp"
#include "freesmtp/log.hpp"
#include "freesmtp/merge.hpp"
#include "freesmtp/message.hpp"
#include "freesmtp/report.hpp"
#include "freesmtp/server.hpp"
#include "freesmtp/smtp.hpp"
#include "freesmtp/spool.hpp"
#include "freesmtp/stream.hpp"

#endif
