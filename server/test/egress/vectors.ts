/**
 * Ways to make a server call what only it can reach. None may end in a connection to an address that is not public.
 *
 * `{to}` in a redirect is what a public server sends the client to. Names are answered by the stub resolver as `names` says.
 */

import { unreachableAddress } from '../support/namespace.ts';

/** A public address of the example domain, and one beside it; the only two that may be called. */
export const publicAddresses = ['93.184.216.34', '2606:2800:220:1::5'] as const;

/** Names that the public servers have a certificate for. */
export const certifiedNames: readonly string[] = ['public.example', 'public6.example', 'rebind-secure.example'];
/** A name of theirs whose certificate has expired, and one whose certificate is signed by an authority that nobody knows. */
export const expiredName = 'expired.example';
export const unknownName = 'unknown.example';
/** A name of theirs for which they show the certificate of another one. */
const otherName = 'other.example';
/** What must not be asked for in plain, since somebody was told to go there by a server that spoke TLS. */
export const plainPath = '/plain';

/** Addresses that are not public, each as a URL writes it. */
const hostile: Readonly<Record<string, string>> = {
  loopback: '127.0.0.1',
  'the far end of loopback': '127.255.255.254',
  'this host': '0.0.0.0',
  'private 10': '10.0.0.5',
  'private 172': '172.16.0.5',
  'private 192': '192.168.0.5',
  'carrier NAT': '100.64.0.5',
  'link local': '169.254.1.1',
  'metadata of most clouds': '169.254.169.254',
  'metadata of AWS tasks': '169.254.170.2',
  'host of Azure': '168.63.129.16',
  'metadata of Alibaba': '100.100.100.200',
  'metadata of Oracle': '192.0.0.192',
  benchmarking: '198.18.0.5',
  documentation: '192.0.2.5',
  multicast: '224.0.0.1',
  reserved: '240.0.0.1',
  broadcast: '255.255.255.255',
  'loopback of IPv6': '[::1]',
  'no address of IPv6': '[::]',
  'unique local': '[fd12:3456::5]',
  'metadata of AWS over IPv6': '[fd00:ec2::254]',
  'link local of IPv6': '[fe80::5]',
  'site local': '[fec0::5]',
  'multicast of IPv6': '[ff02::1]',
  'documentation of IPv6': '[2001:db8::5]',
  'unassigned of IPv6': '[4000::5]',
  'mapped loopback': '[::ffff:127.0.0.1]',
  'mapped loopback in hexadecimal': '[::ffff:7f00:1]',
  'mapped metadata': '[::ffff:169.254.169.254]',
  'compatible loopback': '[::127.0.0.1]',
  'translated loopback': '[::ffff:0:127.0.0.1]',
  'NAT64 of loopback': '[64:ff9b::7f00:1]',
  'NAT64 of metadata': '[64:ff9b::a9fe:a9fe]',
  'local NAT64 of a private address': '[64:ff9b:1::a00:5]',
  '6to4 of loopback': '[2002:7f00:1::]',
  '6to4 of metadata': '[2002:a9fe:a9fe::1]',
  'Teredo of a private client': '[2001:0:5db8:d822:0:0:f5ff:fffa]',
  'ISATAP of a private address': '[2606:2800:220:1:0:5efe:a00:5]',
};

/** Other ways to write loopback, metadata and private addresses, and to hide a host. */
const disguised: Readonly<Record<string, string>> = {
  'one decimal number': 'http://2130706433/',
  'one hexadecimal number': 'http://0x7f000001/',
  'one octal number': 'http://017700000001/',
  'octal parts': 'http://0177.0.0.1/',
  'hexadecimal parts': 'http://0x7f.0x0.0x0.0x1/',
  'two parts': 'http://127.1/',
  'three parts': 'http://127.0.1/',
  zero: 'http://0/',
  'metadata as a number': 'http://2852039166/',
  'metadata in hexadecimal': 'http://0xA9FEA9FE/',
  'metadata in octal': 'http://0251.0376.0251.0376/',
  'mixed bases': 'http://0xa9.254.0251.254/',
  'a trailing dot': 'http://127.0.0.1./',
  'full-width digits': 'http://１２７.０.０.１/',
  'circled digits': 'http://①②⑦.⓪.⓪.①/',
  'an ideographic full stop': 'http://127。0。0。1/',
  'a soft hyphen': 'http://127.0.0\u00ad.1/',
  'percent signs': 'http://%31%32%37.0.0.1/',
  'a zone': 'http://[fe80::5%25lo]/',
  localhost: 'http://localhost/',
  'LOCALHOST with a dot': 'http://LOCALHOST./',
  'a name of localhost': 'http://app.localhost/',
  'a local domain': 'http://localhost.localdomain/',
  'a single label': 'http://intranet/',
  'a name of metadata': 'http://metadata.google.internal/',
  'the public host as a user': 'http://public.example@127.0.0.1/',
  'the public host as user and password': 'http://public.example:80@127.0.0.1/',
  'a fragment before the at sign': 'http://127.0.0.1#@public.example/',
  'a query before the at sign': 'http://127.0.0.1?@public.example/',
  'a backslash': 'http://public.example\\@127.0.0.1/',
  'a backslash as a slash': 'http://127.0.0.1\\.public.example/',
  'too many slashes': 'http:////127.0.0.1/',
  'too few slashes': 'http:127.0.0.1/',
  'a tab': 'http://127.0.0.1\t.public.example/',
  'a line break': 'http://127.0.0.1\r\n.public.example/',
  'a null': 'http://127.0.0.1\0.public.example/',
  'white space in front': ' http://127.0.0.1/',
  'the port of ssh': 'http://public.example:22/',
  'the port of redis': 'http://public.example:6379/',
  'a port of zero': 'http://public.example:0/',
  gopher: 'gopher://127.0.0.1:6379/_FLUSHALL',
  'a file': 'file:///etc/passwd',
  'a file on a host': 'file://127.0.0.1/etc/passwd',
  ftp: 'ftp://127.0.0.1/',
  dict: 'dict://127.0.0.1:6379/info',
  'a socket': 'http+unix://%2Fvar%2Frun%2Fdocker.sock/info',
  'a blob': 'blob:http://127.0.0.1/5f',
  javascript: 'javascript:fetch("http://127.0.0.1/")',
};

/** What the stub resolver answers: addresses per question, the last one again and again; or another name. */
export interface Name {
  readonly answers?: readonly (readonly string[])[];
  readonly alias?: string;
  /** What a datagram has room for, where the answer is too long for one. */
  readonly cutTo?: readonly string[];
}

const bare = (address: string) => address.replace(/^\[|\]$/g, '');
const nameOf = (place: number) => `n${place}.example`;
const hostileNames = Object.fromEntries(
  Object.values(hostile).map((address, place) => [nameOf(place), { answers: [[bare(address)]] }]),
);
const [publicAddress, publicAddress6] = publicAddresses;

/** Every name that there is. */
export const names: Readonly<Record<string, Name>> = {
  'public.example': { answers: [[publicAddress]] },
  'public6.example': { answers: [[publicAddress6]] },
  ...hostileNames,
  'mixed.example': { answers: [[publicAddress, '10.0.0.5']] },
  'mixed-last.example': { answers: [['10.0.0.5', publicAddress]] },
  'mixed6.example': { answers: [[publicAddress, '::1']] },
  'dead-first.example': { answers: [[unreachableAddress, '10.0.0.5']] },
  'dead-first6.example': { answers: [[unreachableAddress, '::1']] },
  'alias.example': { alias: 'n0.example' },
  'alias-of-alias.example': { alias: 'alias.example' },
  'many.example': { answers: [Array.from({ length: 80 }, (_, last) => `93.184.217.${last + 1}`)] },
  'rebind.example': { answers: [[publicAddress], ['127.0.0.1']] },
  'rebind6.example': { answers: [[publicAddress], ['::1']] },
  'rebind-secure.example': { answers: [[publicAddress], ['127.0.0.1']] },
  'long.example': { cutTo: [], answers: [['10.0.0.5']] },
  'long6.example': { cutTo: [], answers: [['::1']] },
  'long-mixed.example': { cutTo: [publicAddress], answers: [[publicAddress, '10.0.0.5']] },
  'long-public.example': { cutTo: ['10.0.0.5'], answers: [[publicAddress]] },
  [otherName]: { answers: [[publicAddress]] },
  [expiredName]: { answers: [[publicAddress]] },
  [unknownName]: { answers: [[publicAddress]] },
};

/** A way in. */
export interface Vector {
  readonly name: string;
  readonly url: string;
  /** Called as often; names answer anew each time. */
  readonly times: number;
}

const redirectPath = (to: string, status = 302) => `/redirect?status=${status}&to=${encodeURIComponent(to)}`;
const redirect = (to: string, status = 302) => `http://public.example${redirectPath(to, status)}`;
const secureRedirect = (to: string) => `https://public.example${redirectPath(to)}`;
const once = (name: string, url: string): Vector => ({ name, url, times: 1 });

/** Those in which no other address is called than a public one, and nothing of what it says may be believed. */
export const unbelievable: readonly Vector[] = [
  once('a certificate for another name', `https://${otherName}/`),
  once('a certificate that has expired', `https://${expiredName}/`),
  once('a certificate of an unknown authority', `https://${unknownName}/`),
  once('an address that no certificate names', `https://${publicAddress}/`),
  once('a redirect to a certificate for another name', secureRedirect(`https://${otherName}/`)),
  once('a redirect from TLS to plain', secureRedirect(`http://public.example${plainPath}`)),
  once('a redirect from TLS to plain through TLS', secureRedirect(secureRedirect(`http://public.example${plainPath}`))),
];

/** All of them. */
export const vectors: readonly Vector[] = [
  ...unbelievable,
  ...Object.entries(hostile).map(([name, address]) => once(`the address of ${name}`, `http://${address}/`)),
  ...Object.entries(hostile).map(([name], place) => once(`a name of ${name}`, `http://${nameOf(place)}/`)),
  ...Object.entries(hostile).map(([name, address]) => once(`a redirect to ${name}`, redirect(`http://${address}/`))),
  ...Object.entries(hostile).map(([name, address]) => once(`TLS to the address of ${name}`, `https://${address}/`)),
  ...Object.entries(hostile).map(([name], place) => once(`TLS to a name of ${name}`, `https://${nameOf(place)}/`)),
  ...Object.entries(hostile).map(([name], place) =>
    once(`a redirect over TLS to a name of ${name}`, secureRedirect(`https://${nameOf(place)}/`)),
  ),
  ...Object.entries(disguised).map(([name, url]) => once(`disguised by ${name}`, url)),
  ...Object.entries(disguised).map(([name, url]) => once(`a redirect disguised by ${name}`, redirect(url))),
  once('a public and a private address', 'http://mixed.example/'),
  once('a private and a public address', 'http://mixed-last.example/'),
  once('a public address and loopback of IPv6', 'http://mixed6.example/'),
  once('a public address where nobody is and a private one', 'http://dead-first.example/'),
  once('a public address where nobody is and loopback of IPv6', 'http://dead-first6.example/'),
  once('another name for loopback', 'http://alias.example/'),
  once('another name for another name', 'http://alias-of-alias.example/'),
  once('more addresses than any name has', 'http://many.example/'),
  { name: 'a name that changes its mind', url: 'http://rebind.example/', times: 3 },
  { name: 'a name that changes its mind to IPv6', url: 'http://rebind6.example/', times: 3 },
  { name: 'a name that changes its mind after a TLS handshake', url: 'https://rebind-secure.example/', times: 3 },
  once('a name whose answer comes over TCP', 'http://long.example/'),
  once('a name whose answer comes over TCP, of IPv6', 'http://long6.example/'),
  once('a name of which only the public address fits into a datagram', 'http://long-mixed.example/'),
  once('TLS to a name whose answer comes over TCP', 'https://long.example/'),
  once('a redirect to a name of loopback', redirect('http://n0.example/')),
  once('a redirect through a redirect', redirect(redirect('http://127.0.0.1/'))),
  ...[301, 303, 307, 308].map((status) => once(`a redirect with ${status}`, redirect('http://127.0.0.1/', status))),
  once('a redirect to no scheme', redirect('//127.0.0.1/')),
  once('a redirect to another port', redirect('http://public.example:6379/')),
];

/** What may be called, or the traps would prove nothing. */
export const controls: readonly string[] = [
  'http://public.example/',
  'http://public6.example/',
  `http://${publicAddress}/`,
  redirect('http://public6.example/'),
  'https://public.example/',
  secureRedirect('https://public6.example/'),
  'http://long-public.example/',
];
