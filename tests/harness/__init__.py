"""What the tests need around the library: servers, certificates, mail boxes and the drivers of each language."""
