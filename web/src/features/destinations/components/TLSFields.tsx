import { Collapse } from '@mantine/core';

import classes from '@/features/destinations/components/StoreFields.module.css';
import { useFields, type FieldsProps } from '@/features/destinations/components/StoreFields';

/** Whether a Redis is reached by TLS, and what its certificate has to be. */
export function TLSFields(props: FieldsProps) {
  const { text, area, secret, toggle } = useFields(props);
  return (
    <div>
      {toggle('tlsEnabled', 'TLS')}
      <Collapse expanded={props.settings.switches.tlsEnabled ?? false}>
        <div className={classes.inner}>
          {area('tlsCA', 'Certificate authority', 'PEM; empty for those that the system of the server trusts.')}
          {text('tlsServerName', 'Name in the certificate', 'Empty for the host.')}
          {area('tlsCertificate', 'Certificate of muster', 'PEM; only if the Redis asks for one.')}
          {secret('tlsKey', 'Key of that certificate')}
          {toggle('tlsSkipVerify', 'Take any certificate', 'Whoever is between can then read and change everything.')}
        </div>
      </Collapse>
    </div>
  );
}
