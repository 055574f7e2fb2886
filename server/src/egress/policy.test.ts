import { tmpdir } from 'node:os';
import { describe, expect, it } from 'vitest';
import { startDeafListener } from '../../test/support/deaf-listener.ts';
import { testEgress } from '../../test/support/egress.ts';
import { loadConfig } from '../config/index.ts';
import { checkedUrl, policyFrom } from './policy.ts';
import type { EgressRefusal } from './refusals.ts';

const signal = new AbortController().signal;

/** The rule that refuses an address under these settings; `none` when it would be looked up. Nothing is contacted. */
function ruleFor(url: string, environment: Record<string, string> = {}): string {
  const { config } = loadConfig({ environment, directory: tmpdir() });
  try {
    checkedUrl(url, policyFrom(config.egress));
    return 'none';
  } catch (error) {
    return (error as EgressRefusal).rule;
  }
}

describe('by default', () => {
  it.each([
    ['https://public.example/', 'none'],
    ['https://public.example:443/', 'none'],
    ['https://xn--bcher-kva.example/', 'none'],
    ['https://bücher.example/', 'none'],
    ['http://public.example/', 'scheme'],
    ['ftp://public.example/', 'scheme'],
    ['file:///etc/passwd', 'scheme'],
    ['data:text/plain,a', 'scheme'],
    ['https://public.example:80/', 'port'],
    ['https://public.example:8443/', 'port'],
    ['https://user@public.example/', 'userinfo'],
    ['https://:secret@public.example/', 'userinfo'],
    ['https://@public.example/', 'userinfo'],
    ['https:/public.example/', 'url'],
    ['https:public.example', 'url'],
    ['//public.example/', 'url'],
    ['https://public.example\\@private.example/', 'url'],
    ['https://public.exa\nmple/', 'url'],
    [' https://public.example/', 'url'],
    [`https://public.example/${'a'.repeat(2048)}`, 'url'],
    ['https://public.example./', 'host'],
    ['https://intranet/', 'host'],
    ['https://sso.corp.internal/', 'host'],
    ['https://printer.local/', 'host'],
    ['https://router.home.arpa/', 'host'],
    ['https://localhost/', 'host'],
    ['https://a.localhost/', 'host'],
    ['https://vault.default.svc/', 'host'],
    ['https://vault.default.svc.cluster.local/', 'host'],
    ["https://a'b.example/", 'host'],
    [`https://${'a'.repeat(64)}.example/`, 'host'],
    ['https://metadata/', 'address_metadata'],
    ['https://metadata.google.internal/', 'address_metadata'],
    ['https://instance-data/', 'address_metadata'],
    ['https://metadata.university.example/', 'none'],
    ['https://127.0.0.1/', 'address'],
    ['https://[::1]/', 'address'],
    ['https://[::127.0.0.1]/', 'address'],
    ['https://[64:ff9b:1::a00:5]/', 'address'],
    ['https://[2606:2800:220:1:0:5efe:a00:5]/', 'address'],
    ['https://[4000::5]/', 'address'],
    ['https://169.254.169.254/', 'address_metadata'],
    ['https://168.63.129.16/', 'address_metadata'],
  ])('%s meets the rule %s', async (url, rule) => {
    expect(ruleFor(url)).toBe(rule);
  });
});

describe('the settings', () => {
  it('EGRESS_HTTP_ALLOWED opens http on port 80', () => {
    const settings = { EGRESS_HTTP_ALLOWED: 'true' };
    expect(ruleFor('http://public.example/', settings)).toBe('none');
    expect(ruleFor('http://public.example:443/', settings)).toBe('port');
    expect(ruleFor('https://public.example:80/', settings)).toBe('port');
  });

  it('EGRESS_PORTS opens ports and ranges of them', () => {
    const settings = { EGRESS_PORTS: '8443, 9000-9002' };
    const rules = [8442, 8443, 8444, 8999, 9000, 9001, 9002, 9003].map((port) =>
      ruleFor(`https://public.example:${port}/`, settings),
    );
    expect(rules).toEqual(['port', 'none', 'port', 'port', 'none', 'none', 'none', 'port']);
  });

  it('EGRESS_ALLOWED_NETWORKS opens networks and the names of insiders, never a metadata service', () => {
    const settings = {
      EGRESS_ALLOWED_NETWORKS: '10.20.0.0/16,169.254.0.0/16,fd00::/8',
      EGRESS_CONNECT_TIMEOUT_MS: '50',
    };
    expect(ruleFor('https://10.20.255.255/', settings)).toBe('none');
    expect(ruleFor('https://10.21.0.0/', settings)).toBe('address');
    expect(ruleFor('https://sso.corp.internal/', settings)).toBe('none');
    expect(ruleFor('https://169.254.169.254/', settings)).toBe('address_metadata');
    expect(ruleFor('https://[fd00:ec2::254]/', settings)).toBe('address_metadata');
    expect(ruleFor('https://metadata.google.internal/', settings)).toBe('address_metadata');
  });

  it('EGRESS_ALLOWED_NETWORKS opens a translated address only together with what it is translated to', () => {
    const settings = { EGRESS_ALLOWED_NETWORKS: '64:ff9b::/96,10.20.0.0/16' };
    expect(ruleFor('https://[64:ff9b::10.20.0.1]/', settings)).toBe('none');
    expect(ruleFor('https://[64:ff9b::10.21.0.1]/', settings)).toBe('address');
    expect(ruleFor('https://[64:ff9b::169.254.169.254]/', settings)).toBe('address_metadata');
    expect(ruleFor('https://[::ffff:10.20.0.1]/', settings)).toBe('address');
  });

  it('EGRESS_DENIED_NETWORKS closes public networks, and wins over what is allowed', () => {
    const settings = { EGRESS_DENIED_NETWORKS: '93.184.0.0/16,10.20.0.5', EGRESS_ALLOWED_NETWORKS: '10.20.0.0/16' };
    expect(ruleFor('https://93.184.216.34/', settings)).toBe('address');
    expect(ruleFor('https://10.20.0.5/', settings)).toBe('address');
  });

  it('EGRESS_CONNECT_TIMEOUT_MS ends a connection that is not made', async () => {
    const deaf = await startDeafListener();
    const settings = {
      EGRESS_HTTP_ALLOWED: 'true',
      EGRESS_ALLOWED_NETWORKS: '127.0.0.1',
      EGRESS_PORTS: '1024-65535',
      EGRESS_CONNECT_TIMEOUT_MS: '200',
    };
    const startedMs = performance.now();
    try {
      await expect(testEgress(settings).request(`http://${deaf.address}/`, { signal })).rejects.toMatchObject({
        code: 'egress_unavailable',
        detail: 'It cannot be reached.',
      });
      expect(performance.now() - startedMs).toBeLessThan(4000);
    } finally {
      deaf.close();
    }
  });
});
