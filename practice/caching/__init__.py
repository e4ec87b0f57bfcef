"""What is kept between requests, and how it is known to be still true."""
