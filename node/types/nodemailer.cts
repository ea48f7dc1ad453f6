// The same with `require`.
import nodemailer = require('nodemailer');
import freesmtp = require('freesmtp/nodemailer');

const transporter = nodemailer.createTransport(new freesmtp.FreeSmtpTransport({ host: 'mail.example.com' }));
transporter.sendMail({ to: 'you@example.org' }, (error, info) => console.log(error, info?.report.server));
