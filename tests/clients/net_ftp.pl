use strict;
use warnings;
use IO::Socket::SSL;
use Net::FTP;

my $ftp = Net::FTP->new('localhost', Port => $ARGV[0], Timeout => 20, SSL_ca_file => 'ca.pem')
    or die "no connection: $@";
sub heard { $_[0] or die 'heard ', $ftp->message; $_[0] }

heard($ftp->starttls);
heard($ftp->login('ann', 'pw'));
heard($ftp->prot('P'));
heard($ftp->binary);

opendir(my $up, 'up') or die $!;
my @names = grep { !/^\./ } readdir $up;
for my $name (@names) {
    heard($ftp->put("up/$name", $name));
    heard($ftp->put('up/one', "$name.old"));
}
open(my $listed, '>', 'listed') or die $!;
print $listed "$_\n" for $ftp->ls;
close $listed;
heard(scalar $ftp->dir);
for my $name (@names) {
    heard($ftp->get($name, "back/$name"));
    heard($ftp->rename($name, "$name.new"));
    heard($ftp->delete("$name.old"));
}

open(my $broken, '<:raw', 'broken') or die $!;
seek $broken, $ftp->size('broken'), 0;
heard($ftp->append($broken, 'broken'));
heard($ftp->get('broken', 'back/broken', -s 'back/broken'));
heard($ftp->quit);
